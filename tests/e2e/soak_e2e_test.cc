// A server under everything at once (soak_load.h): nothing that it accepted is lost, its counters
// are what its callers have seen, number by number, every answer is the one that it gives when it
// is idle, and it holds no more memory and descriptors in the end than in the beginning.
//
// As an ordinary test it takes seconds. SOAK_SECONDS and SOAK_REQUESTS (it goes on until both are
// reached) make it long, and then memory is judged, too; a line a minute tells how it is going.
// SOAK_MODEL, SOAK_ORDERING and SOAK_GFLOP (of its dense model) name another model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/process_usage.h"
#include "tests/e2e/server_process.h"
#include "tests/e2e/soak_load.h"
#include "tests/testing/http_client.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr size_t kMessageBytes = size_t{1} << 20;
// Below that, memory still grows into caches.
constexpr seconds kLong{600};
// Of the time, until the memory is what it stays.
constexpr double kWarmUp = 0.2;
constexpr double kMostGrowth = 1.02;

double Setting(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atof(text);
}

// A device that 160 callers ask for more than it can do.
std::string SoakProfile() {
  std::string cells;
  for (const double compute : {0.25, 0.4, 0.55, 0.7, 0.85, 1.0}) {
    for (const int batch : {1, 2, 4, 8, 16}) {
      absl::StrAppend(&cells, cells.empty() ? "" : ",", "{\"served_compute\":", compute,
                      ",\"fidelity\":", 0.8 + 0.2 * compute, ",\"gflops\":", compute,
                      ",\"batch\":", batch, ",\"latency_ms\":", (2 + batch) * (0.2 + 0.8 * compute),
                      "}");
    }
  }
  return absl::StrCat(R"({"model": "pretended", "embedding_size": 32, "classes": 5,)",
                      R"( "input_size": [3, 32, 32], "cells": [)", cells, "]}");
}

// Malformed and incomplete HTTP, and pages that people look at meanwhile.
void BrowseBadly(uint16_t port) {
  EXPECT_THAT(HttpGet(port, "/metrics"), HasSubstr("snapvit_ready 1"));
  EXPECT_THAT(HttpGet(port, "/status.json"), HasSubstr("\"serving\":true"));
  EXPECT_THAT(HttpGet(port, "/nowhere"), HasSubstr(" 404 "));
  HttpExchange(port, "\x16\x03\x01 no HTTP\r\n\r\n");
  const HttpConnection unfinished(port);
  unfinished.Send("POST /v1/embeddings HTTP/1.1\r\nContent-Le");
}

class SoakE2eTest : public ::testing::Test {
 protected:
  // Loads `server` and judges it.
  void Soak(ServerProcess& server);

 private:
  struct Sample {
    double share = 0;  // of the time
    ProcessUsage usage;
  };

  void Run(ServerProcess& server, SoakLoad& load);
  static void ExpectEqual(const Series& seen, const Series& counted);
  void ExpectNoGrowth(const ProcessUsage& idle, const ProcessUsage& end) const;
  long MedianResident(double from, double to) const;

  const seconds duration_{static_cast<long>(Setting("SOAK_SECONDS", 8))};
  const double requests_ = Setting("SOAK_REQUESTS", 1000);
  std::vector<Sample> samples_;
};

void SoakE2eTest::Run(ServerProcess& server, SoakLoad& load) {
  const steady_clock::time_point start = steady_clock::now();
  load.Start();
  for (int round = 0;; ++round) {
    const auto passed = std::chrono::duration<double>(steady_clock::now() - start);
    const double asked = load.tally().requests() + static_cast<double>(load.leaver_sent());
    if (passed >= duration_ && asked >= requests_) break;
    const double share = std::min(passed / duration_, asked / requests_);
    samples_.push_back({share, UsageOf(server.process().pid())});
    ASSERT_TRUE(server.process().Running()) << server.process().Log();
    BrowseBadly(server.http_port());
    if (round % 60 == 59) {
      const ProcessUsage& usage = samples_.back().usage;
      std::cout << absl::StrCat(static_cast<long>(passed.count()), " s: ", static_cast<long>(asked),
                                " requests, ", load.answers_compared(), " answers, ",
                                usage.resident_kb, " kB, ", usage.descriptors, " descriptors, ",
                                usage.threads, " threads")
                << std::endl;
    }
    // Another process is loaded meanwhile: there is nothing of ours that could wake us.
    std::this_thread::sleep_for(seconds(1));
  }
  load.Stop();
}

void SoakE2eTest::ExpectEqual(const Series& seen, const Series& counted) {
  Series all = seen;
  all.insert(counted.begin(), counted.end());
  for (const auto& [series, ignored] : all) {
    // kLeaver has a comparison of its own.
    if (series.ends_with(kLeaver)) continue;
    const auto value = [&name = series](const Series& of) {
      const auto found = of.find(name);
      return found == of.end() ? 0 : found->second;
    };
    if (series.starts_with("flops")) {
      EXPECT_NEAR(value(counted) / value(seen), 1, 1e-9) << series;
    } else {
      EXPECT_EQ(value(counted), value(seen)) << series;
    }
  }
}

long SoakE2eTest::MedianResident(double from, double to) const {
  std::vector<long> values;
  for (const Sample& sample : samples_) {
    if (sample.share >= from && sample.share <= to) values.push_back(sample.usage.resident_kb);
  }
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void SoakE2eTest::ExpectNoGrowth(const ProcessUsage& idle, const ProcessUsage& end) const {
  // Connections of scrapes may be about to close.
  EXPECT_LE(end.descriptors, idle.descriptors + 8);
  if (duration_ < kLong) return;
  const long warm = MedianResident(kWarmUp, 1.5 * kWarmUp);
  const long last = MedianResident(1 - 0.5 * kWarmUp, 1);
  std::cout << absl::StrCat("memory: ", idle.resident_kb, " kB idle, ", warm,
                            " kB after the warm-up, ", last, " kB at the end: ",
                            100.0 * static_cast<double>(last - warm) / static_cast<double>(warm),
                            " %; descriptors: ", idle.descriptors, " idle, ", end.descriptors,
                            " after it")
            << std::endl;
  EXPECT_LE(static_cast<double>(last), kMostGrowth * static_cast<double>(warm));
}

void SoakE2eTest::Soak(ServerProcess& server) {
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const ProcessUsage idle = UsageOf(server.process().pid());
  Series counted;
  Series seen;
  {
    SoakLoad load({.target = server.target(), .message_bytes = kMessageBytes});
    if (HasFailure()) return;
    Run(server, load);
    counted = ReadSeries(HttpGet(server.http_port(), "/metrics"));
    seen = load.tally().Get();
    const Series answered = load.leaver_tally().Get();
    double left = 0;
    for (const auto& [series, value] : counted) {
      if (series.starts_with("requests_total") && series.ends_with(kLeaver)) left += value;
    }
    EXPECT_LE(left, load.leaver_sent());
    for (const auto& [series, value] : answered) {
      if (series.starts_with("requests_total OK")) {
        EXPECT_LE(value, counted[series]) << series;
      }
    }
    std::cout << absl::StrCat(
                     load.tally().requests(), " requests of callers who waited, ",
                     load.leaver_sent(), " of others (", left, " of them reached the server), ",
                     load.unseen(), " that gRPC refused; ", load.answers_compared(),
                     " answers compared, ", load.answers_inexact(), " of them not equal bit by bit")
              << std::endl;
    EXPECT_GT(load.answers_compared(), 0U);
  }
  ExpectEqual(seen, counted);
  for (const auto& [series, value] : seen) {
    if (series.starts_with("requests") || series.starts_with("shed")) {
      std::cout << series << ": " << static_cast<int64_t>(value) << "\n";
    }
  }
  ExpectNoGrowth(idle, UsageOf(server.process().pid()));
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().Log();
  EXPECT_THAT(server.process().Log(), HasSubstr("all_requests_answered=true"));
}

std::vector<std::string> Flags(const TemporaryFolder& folder, double gflop,
                               std::vector<std::string> more) {
  more.insert(more.end(), {"--tenants", folder.Write("tenants.yaml", SoakTenants(gflop)),
                           "--max-message-bytes", std::to_string(kMessageBytes),
                           "--max-queue-items", "400", "--drain-grace", "60", "--floor", "0.25"});
  return more;
}

TEST_F(SoakE2eTest, OnASimulatedEngine) {
  const TemporaryFolder folder;
  ServerProcess server(
      Flags(folder, 1, {"--engine", "simulated:" + folder.Write("profile.json", SoakProfile())}));
  Soak(server);
}

// Of a tiny model, or of SOAK_MODEL with the ordering SOAK_ORDERING.
TEST_F(SoakE2eTest, OnTheRealEngine) {
  const TemporaryFolder folder;
  std::vector<std::string> flags;
  if (const char* model = std::getenv("SOAK_MODEL")) {
    flags = {"--model", model, "--ordering", std::getenv("SOAK_ORDERING")};
  }
  ServerProcess server(Flags(folder, Setting("SOAK_GFLOP", 0.001), flags));
  Soak(server);
}

}  // namespace
}  // namespace snapvit
