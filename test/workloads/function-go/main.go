// A function with its state in memory only: an identity made at the start, and a counter. Its module's go line makes the
// listener MPTCP, as it is in every Go program of today.
//
//	GET /any/path     {"id":…,"born":…,"count":…,"path":["any","path"]}; counts
//	GET /slow?ms=N    the same after N milliseconds; counts when it answers
//	GET /read         the same without counting
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

type answer struct {
	Id    string   `json:"id"`
	Born  int64    `json:"born"`
	Count int64    `json:"count"`
	Path  []string `json:"path"`
}

func main() {
	var count atomic.Int64
	id, born := rand.Text(), time.Now().UnixMilli()
	say := func(w http.ResponseWriter, r *http.Request, n int64) {
		w.Header().Set("Content-Type", "application/json")
		path := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
		json.NewEncoder(w).Encode(answer{id, born, n, append([]string{}, path...)})
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { say(w, r, count.Add(1)) })
	http.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) { say(w, r, count.Load()) })
	http.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
		if err != nil {
			http.Error(w, "ms is no number", http.StatusBadRequest)
			return
		}
		time.Sleep(time.Duration(ms) * time.Millisecond)
		say(w, r, count.Add(1))
	})

	server := &http.Server{Addr: ":" + os.Getenv("PORT")}
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ended := make(chan error)
	go func() {
		<-asked.Done()
		ended <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
}
