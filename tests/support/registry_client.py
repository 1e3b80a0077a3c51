"""
Confluent's client with a schema registry: "write" publishes the lines of standard input by the subject's latest schema,
"read" prints so many values of the topic as lines of JSON, each checked by the schema that it names.
"""
import json
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

mode, brokers, topic, url, count = sys.argv[1:6]
client = SchemaRegistryClient({"url": url})
context = SerializationContext(topic, MessageField.VALUE)


def write():
    latest = client.get_latest_version(f"{topic}-value").schema
    conf = {"auto.register.schemas": False, "use.latest.version": True}
    serializer = JSONSerializer(latest, client, conf=conf)
    failed = []
    producer = Producer({"bootstrap.servers": brokers})
    for line in sys.stdin:
        event = json.loads(line)
        producer.produce(
            topic,
            key=event["id"],
            value=serializer(event, context),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    producer.flush(30)
    return f"not delivered: {failed[0]}" if failed else 0


def read():
    deserializer = JSONDeserializer(None, schema_registry_client=client)
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"{topic}-reader", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    for _ in range(int(count)):
        message = consumer.poll(60)
        if message is None or message.error():
            return f"not read: {message and message.error()}"
        print(json.dumps(deserializer(message.value(), context)))
    consumer.close()
    return 0


sys.exit(write() if mode == "write" else read())
