"""The well-known tutorial's job: Kafka's users_created, parsed by from_json, appended to a table of Cassandra."""
import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json
from pyspark.sql.types import StringType, StructField, StructType

job = json.loads(sys.argv[1])
host, _, port = job["contact_points"].split(",")[0].partition(":")

builder = (
    SparkSession.builder.appName("SparkDataStreaming")
    .config("spark.jars", job["jars"])
    .config("spark.cassandra.connection.host", host)
    .config("spark.cassandra.connection.port", port or "9042")
)
for name, value in job["settings"].items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")

schema = StructType([StructField(name, StringType(), name != "id") for name in job["columns"]])
users = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", job["brokers"])
    .option("subscribe", job["topic"])
    .option("startingOffsets", "earliest")
    .load()
    .selectExpr("CAST(value AS STRING)")
    .select(from_json(col("value"), schema).alias("data"))
    .select("data.*")
)
query = (
    users.writeStream.format("org.apache.spark.sql.cassandra")
    .option("checkpointLocation", job["checkpoint"])
    .option("keyspace", job["keyspace"])
    .option("table", job["table"])
    .start()
)
query.awaitTermination()
