"""Publishes the lines of standard input with librdkafka: topic, brokers and compression are the arguments."""
import json
import sys

from confluent_kafka import Producer

topic, brokers, codec = sys.argv[1:4]
failed = []
producer = Producer({"bootstrap.servers": brokers, "compression.type": codec, "linger.ms": 50})
for line in sys.stdin:
    producer.produce(
        topic,
        value=line.rstrip("\n").encode(),
        key=json.loads(line)["id"],
        on_delivery=lambda error, _: failed.append(error) if error else None,
    )
    producer.poll(0)
producer.flush(30)
sys.exit(f"not delivered: {failed[0]}" if failed else 0)
