package lease

// Commands lists the Redis commands of a receiver, including the commands in scripts.
const Commands = "blmove eval evalsha hdel hexists hget hlen hmget hset hstrlen lindex llen lpop lrange ltrim pexpire pttl" +
	" rpush time type zadd zcard zrange zrangebyscore zrem zremrangebyrank zscore"
