/* A clock that can be moved, for a program that is started with this library:
 * what it is told of the time of day is off by as many microseconds as the file
 * of REMOTE_EVENT_CLOCK says. Other clocks are left alone. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *off;

__attribute__((constructor)) static void attach(void) {
	const char *path = getenv("REMOTE_EVENT_CLOCK");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *shared = file < 0 ? MAP_FAILED : mmap(0, sizeof *off, PROT_READ, MAP_SHARED, file, 0);
	if (shared == MAP_FAILED)
		abort(); /* a clock that cannot be moved would prove nothing */
	close(file);
	off = shared;
}

int clock_gettime(clockid_t id, struct timespec *now) {
	int failed = (int)syscall(SYS_clock_gettime, id, now);
	if (!failed && off && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		int64_t us = now->tv_nsec / 1000 + *off % 1000000 + 1000000;
		now->tv_sec += *off / 1000000 + us / 1000000 - 1;
		now->tv_nsec = us % 1000000 * 1000;
	}
	return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
	struct timespec t;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &t))
		return -1;
	now->tv_sec = t.tv_sec;
	now->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (now)
		*now = t.tv_sec;
	return t.tv_sec;
}
