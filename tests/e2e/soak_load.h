// SoakLoad: many callers at once that ask a server for everything that it is there for, and for
// much that it is not: all methods, streams, budgets of every kind, tenants with limits, deadlines,
// cancelled calls and malformed requests. Every answer is counted, and compared with one that was
// given before the load began.
#ifndef SNAPVIT_TESTS_E2E_SOAK_LOAD_H_
#define SNAPVIT_TESTS_E2E_SOAK_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/e2e/soak_requests.h"
#include "tests/e2e/soak_tally.h"

namespace snapvit {

// Start() and Stop() are called once each, by one thread.
class SoakLoad {
 public:
  struct Options {
    std::string target;
    int callers = 160;         // requests and streams under way at the same time
    size_t message_bytes = 0;  // the server's limit
    uint64_t seed = 1;
  };

  // Asks for the answers to compare with. REQUIRES: nobody else uses the server.
  explicit SoakLoad(Options options);
  ~SoakLoad();

  void Start();
  // Waits for the calls under way.
  void Stop();

  // What callers but kLeaver's have seen.
  const SoakTally& tally() const;
  // What kLeaver's have seen: the server has counted as many answers at least …
  const SoakTally& leaver_tally() const;
  // … and this many requests at most.
  uint64_t leaver_sent() const;
  // Requests that gRPC refused before the server saw them.
  uint64_t unseen() const;
  uint64_t answers_compared() const;
  // Of these, those that were not equal bit by bit.
  uint64_t answers_inexact() const;

 private:
  class State;
  const std::unique_ptr<State> state_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_SOAK_LOAD_H_
