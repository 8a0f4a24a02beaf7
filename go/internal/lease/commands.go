package lease

// Commands are those that a receiver runs, by itself and through scripts.
const Commands = "blmove eval evalsha hdel hexists hget hlen hmget hset hstrlen lindex llen lpop lrange ltrim pexpire pttl" +
	" rpush time type zadd zcard zrange zrangebyscore zrem zremrangebyrank zscore"
