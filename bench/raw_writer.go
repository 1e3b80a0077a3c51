// The raw writer on another stack: the same rows, written by gocql. It says what the machine and Cassandra can do
// apart from ours; prints what it found as JSON.
package main

import (
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
)

// The rows' contents, without ids: what the other raw writer writes.
type input struct {
	Columns  []string   `json:"columns"`
	Contents [][]string `json:"contents"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	contact := flag.String("contact-points", "127.0.0.1:9042", "")
	table := flag.String("table", "", "")
	count := flag.Int("rows", 0, "")
	batchRows := flag.Int("batch-rows", 10, "")
	inFlight := flag.Int("in-flight", 32, "")
	file := flag.String("input", "", "")
	flag.Parse()

	text, err := os.ReadFile(*file)
	must(err)
	var in input
	must(json.Unmarshal(text, &in))

	cluster := gocql.NewCluster(strings.Split(*contact, ",")...)
	cluster.Consistency = gocql.LocalQuorum
	cluster.Timeout = 12 * time.Second
	cluster.DefaultTimestamp = false
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	session, err := cluster.CreateSession()
	must(err)
	defer session.Close()

	marks := strings.TrimSuffix(strings.Repeat("?, ", len(in.Columns)), ", ")
	insert := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) USING TIMESTAMP ?", *table, strings.Join(in.Columns, ", "), marks)
	at := time.Now().UnixMicro()
	ids := make([]gocql.UUID, *count)
	for i := range ids {
		_, err := rand.Read(ids[i][:])
		must(err)
		ids[i][6] = ids[i][6]&0x0f | 0x40
		ids[i][8] = ids[i][8]&0x3f | 0x80
	}

	var next atomic.Int64
	var lanes sync.WaitGroup
	started := time.Now()
	for range *inFlight {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			for {
				to := int(next.Add(int64(*batchRows)))
				from := to - *batchRows
				if from >= *count {
					return
				}
				batch := session.NewBatch(gocql.UnloggedBatch)
				for row := from; row < min(to, *count); row++ {
					values := make([]any, 0, len(in.Columns)+1)
					values = append(values, ids[row])
					for _, value := range in.Contents[row%len(in.Contents)] {
						values = append(values, value)
					}
					batch.Query(insert, append(values, at)...)
				}
				must(session.ExecuteBatch(batch))
			}
		}()
	}
	lanes.Wait()
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{"rows": *count, "ms": float64(time.Since(started).Microseconds()) / 1000}))
}
