package lease

// Commands are those that a receiver runs, by itself and through scripts.
const Commands = "blmove eval evalsha hdel hexists hget hmget hset incrby lindex llen lpop lrange ltrim rpush" +
	" time type zadd zcard zrange zrangebyscore zrem zremrangebyrank zscore incr"
