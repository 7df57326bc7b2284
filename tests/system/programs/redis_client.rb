# Does a bit of everything with a Redis server by redis-rb; usage and log as of redis_client.py.
require "json"
require "redis"

PORT = Integer(ARGV[0])
LOG = File.open(ARGV[1], "w")

def note(**facts)
  LOG.puts(JSON.generate(facts))
end

# What the library writes, command by command.
module Noted
  def write(command)
    words = command.flatten.map(&:to_s)
    @database = Integer(words[1]) if words[0].casecmp?("select")
    note(command: words[0].upcase, database: @database || 0)
    super
  end
end
Redis::Connection::Ruby.prepend(Noted)

def plain(client)
  client.set("greeting", "SECRET-WORD")
  raise "greeting" unless client.get("greeting") == "SECRET-WORD"
  client.hset("user:1", "name", "SECRET-WORD", "age", 36)
  client.mset("a", "SECRET-WORD", "b", "SECRET-WORD")
  client.rpush("list", (1..100).map { |i| "SECRET-WORD-#{i}" })
  raise "list" unless client.lrange("list", 0, -1).size == 100
  client.set("big", "SECRET-WORD" * 20_000)
  raise "big" unless client.get("big").size == 220_000
  client.eval("return ARGV[1]", keys: ["a"], argv: ["SECRET-WORD"])
  [-> { client.lpush("greeting", "x") }, -> { client.call("FROBNICATE", "SECRET-WORD") }].each do |fails|
    fails.call
  rescue Redis::CommandError => error
    note(error: error.message.start_with?("WRONGTYPE") ? "WRONGTYPE" : "ERR")
  end
end

def batches(client)
  replies = client.pipelined { |pipe| 50.times { |i| pipe.incr("count:#{i % 5}") } }
  raise "pipeline" unless replies.size == 50
  client.multi { |transaction| 3.times { transaction.incrby("total", 1) } }
  client.multi do |transaction|
    transaction.set("x", "SECRET-WORD")
    transaction.get("x")
  end
end

def publish_and_subscribe(client)
  subscriber = Redis.new(port: PORT)
  received = 0
  subscriber.subscribe("news", "jobs") do |on|
    on.subscribe { |_, count| 5.times { |i| client.publish("news", "SECRET-WORD-#{i}") } if count == 2 }
    on.message do |_, _|
      note(message: received += 1)
      subscriber.unsubscribe if received == 5
    end
  end
  subscriber.close
end

first = Redis.new(port: PORT)
plain(first)
batches(first)
publish_and_subscribe(first)
first.close
other = Redis.new(port: PORT, db: 3)
other.set("a", "SECRET-WORD")
other.del("a")
other.close
LOG.close
