#include "server/head_room.h"

#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/http_client.h"
#include "tests/testing/loopback_listener.h"

namespace snapvit {
namespace {

constexpr size_t kMost = 3;
constexpr size_t kThreads = 10;

// Connections of a listener, each as if a thread had taken it.
class HeadRoomTest : public testing::Test {
 protected:
  ~HeadRoomTest() override {
    for (const ConnectionSocket& socket : accepted_) close(socket.fd);
  }

  // A client that has sent `begun`, which nobody has read yet.
  void Connect(const std::string& begun) {
    clients_.push_back(std::make_unique<HttpConnection>(listener_.port()));
    clients_.back()->Send(begun);
    accepted_.push_back(listener_.Accept());
    if (!begun.empty()) {
      pollfd state = {accepted_.back().fd, POLLIN, 0};
      EXPECT_EQ(poll(&state, 1, /*timeout=*/-1), 1);
    }
  }
  void Open(const std::string& begun) {
    Connect(begun);
    room_.Opened(listener_.port());
  }
  void Read(size_t i) const {
    char buffer[100];
    EXPECT_GT(recv(accepted_[i].fd, buffer, sizeof(buffer), 0), 0);
  }
  // The client takes the answer, and says no more.
  void Answer(size_t i) {
    const ConnectionSocket& socket = accepted_[i];
    room_.RequestCame(socket.ends);
    EXPECT_EQ(send(socket.fd, "HTTP/1.1 200 OK", 15, 0), 15);
    EXPECT_NE(clients_[i]->Receive(), "");
    room_.RequestDone(socket.ends);
  }
  // Until the kernel counts it as older than what comes from now on.
  void AwaitSilence(size_t i) const {
    tcp_info info = {};
    while (std::min(info.tcpi_last_data_recv, info.tcpi_last_data_sent) == 0) {
      socklen_t size = sizeof(info);
      ASSERT_EQ(getsockopt(accepted_[i].fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    }
  }
  bool IsCut(size_t i) const { return clients_[i]->AwaitReply(absl::ZeroDuration()); }

  const LoopbackListener listener_;
  std::vector<std::unique_ptr<HttpConnection>> clients_;
  std::vector<ConnectionSocket> accepted_;
  int cut_ = 0;
  HeadRoom room_{{.most = kMost, .threads = kThreads, .on_cut = [this] { ++cut_; }}};
};

TEST_F(HeadRoomTest, TheMostSilentMakesWay) {
  for (size_t i = 0; i < kMost; ++i) Open("");
  EXPECT_EQ(cut_, 0);
  Open("");
  EXPECT_EQ(cut_, 1);
  int closed = 0;  // of those of the same millisecond it may be any
  for (size_t i = 0; i <= kMost; ++i) closed += IsCut(i) ? 1 : 0;
  EXPECT_EQ(closed, 1);
}

TEST_F(HeadRoomTest, OnesThatHaveSpokenStayBeforeOnesThatNeverDid) {
  for (size_t i = 0; i < kMost; ++i) {
    Open("GET / HTT");
    Read(i);
  }
  Open("");
  EXPECT_EQ(cut_, 1);
  EXPECT_TRUE(IsCut(kMost));
}

// Kept ones are worth less than one whose first request is on its way.
TEST_F(HeadRoomTest, OnesThatWereAnsweredMakeWayBeforeOneThatHasJustCome) {
  for (size_t i = 0; i < kMost; ++i) {
    Open("GET / HTTP/1.1\r\n\r\n");
    Read(i);
    Answer(i);
  }
  for (size_t i = 0; i < kMost; ++i) AwaitSilence(i);
  Open("");
  EXPECT_EQ(cut_, 1);
  EXPECT_FALSE(IsCut(kMost));
}

// A client may be slow to send after it has connected, while others' requests are about to be read.
TEST_F(HeadRoomTest, RequestsThatAreAboutToBeReadCutNobody) {
  Open("");
  for (size_t i = 0; i + 2 < kThreads; ++i) Open("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(cut_, 0);
  EXPECT_FALSE(IsCut(0));
}

TEST_F(HeadRoomTest, WhatHadSentBeforeMakesWayOnceItIsSilent) {
  for (size_t i = 0; i + 1 < kThreads; ++i) Open("GET / HTT");
  for (size_t i = 0; i + 1 < kThreads; ++i) Read(i);
  Open("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(cut_, kThreads - 1 - kMost);
  EXPECT_FALSE(IsCut(kThreads - 1));
}

// Nobody comes after it who could cut the others.
TEST_F(HeadRoomTest, TheLastThreadWaitsForOthersToBeSilent) {
  for (size_t i = 0; i + 1 < kThreads; ++i) Open("GET / HTT");
  Connect("GET / HTTP/1.1\r\n\r\n");
  std::thread last([this] { room_.Opened(listener_.port()); });
  for (size_t i = 0; i + 1 < kThreads; ++i) Read(i);
  last.join();
  EXPECT_GT(cut_, 0);
  EXPECT_FALSE(IsCut(kThreads - 1));
}

TEST_F(HeadRoomTest, OnesThatHaveJustComeStay) {
  HeadRoom room{
      {.most = kMost, .threads = kThreads, .grace_ms = 3'600'000, .on_cut = [this] { ++cut_; }}};
  for (size_t i = 0; i + 1 < kThreads; ++i) {
    Connect("");
    room.Opened(listener_.port());
  }
  EXPECT_EQ(cut_, 0);
}

TEST_F(HeadRoomTest, TheLastThreadWaitsUntilTheyHaveNotJustComeAnyMore) {
  HeadRoom room{{.most = kMost, .threads = kThreads, .grace_ms = 5, .on_cut = [this] { ++cut_; }}};
  for (size_t i = 0; i < kThreads; ++i) {
    Connect("");
    room.Opened(listener_.port());
  }
  EXPECT_GE(cut_, static_cast<int>(kThreads - 1 - kMost));
}

TEST_F(HeadRoomTest, OnesThatAreBeingAnsweredStay) {
  Open("GET / HTTP/1.1\r\n\r\n");
  Read(0);
  const ConnectionEnds ends = accepted_[0].ends;
  room_.RequestCame(ends);
  for (size_t i = 0; i < kMost + 2; ++i) Open("");
  EXPECT_EQ(cut_, 2);
  EXPECT_FALSE(IsCut(0));
  room_.RequestDone(ends);
  EXPECT_EQ(cut_, 3) << "one that never spoke before it";
  EXPECT_FALSE(IsCut(0));
}

TEST_F(HeadRoomTest, AtTheEndAllThatAreSilentMakeWayAndNobodyElse) {
  Open("GET / HTTP/1.1\r\n\r\n");
  Read(0);
  room_.RequestCame(accepted_[0].ends);
  Open("");
  Open("GET / HTT");
  Read(2);
  room_.CutAll(listener_.port());
  EXPECT_FALSE(IsCut(0));
  EXPECT_TRUE(IsCut(1));
  EXPECT_TRUE(IsCut(2));
  EXPECT_EQ(cut_, 0) << "not to make room for others";
}

}  // namespace
}  // namespace snapvit
