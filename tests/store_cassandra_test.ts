/** The store's contract suite on a real Cassandra. */
import { openCassandra } from "../src/store/cassandra.ts";
import { COLUMNS } from "./contracts/store_fixture.ts";
import { storeContract } from "./contracts/store.ts";
import { services } from "./support/services.ts";

const found = await services();
const contactPoints = "missing" in found ? [] : found.contactPoints.split(",");

storeContract(
  "Cassandra",
  ({ table, ttlSeconds } = {}) => {
    const store = openCassandra({
      contactPoints,
      consistency: "LOCAL_QUORUM",
      table: { keyspace: "userpipe_contract", name: "users", columns: COLUMNS, ...table },
      ttlSeconds,
    });
    return Promise.resolve({ store, close: () => store.close() });
  },
  "missing" in found ? { ignore: found.missing } : {},
);
