#include "server/head_room.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/http_client.h"

namespace snapvit {
namespace {

constexpr size_t kMost = 3;
constexpr size_t kThreads = 10;

// Connections of a listener, each as if a thread had taken it.
class HeadRoomTest : public testing::Test {
 protected:
  void SetUp() override {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ASSERT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(listener_, 100), 0);
    ASSERT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~HeadRoomTest() override {
    for (const int fd : accepted_) close(fd);
    close(listener_);
  }

  // A client that has sent `begun`, which nobody has read yet.
  HttpConnection& Connect(const std::string& begun) {
    clients_.push_back(std::make_unique<HttpConnection>(port_));
    clients_.back()->Send(begun);
    accepted_.push_back(accept(listener_, nullptr, nullptr));
    if (!begun.empty()) {
      pollfd state = {accepted_.back(), POLLIN, 0};
      EXPECT_EQ(poll(&state, 1, /*timeout=*/-1), 1);
    }
    return *clients_.back();
  }
  void Open(const std::string& begun) {
    Connect(begun);
    room_.Opened(port_);
  }
  void Read(size_t i) const {
    char buffer[100];
    EXPECT_GT(recv(accepted_[i], buffer, sizeof(buffer), 0), 0);
  }
  bool IsCut(size_t i) const { return clients_[i]->AwaitReply(absl::ZeroDuration()); }

  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<HttpConnection>> clients_;
  std::vector<int> accepted_;
  int cut_ = 0;
  HeadRoom room_{kMost, kThreads, [this] { ++cut_; }};
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
  std::thread last([this] { room_.Opened(port_); });
  for (size_t i = 0; i + 1 < kThreads; ++i) Read(i);
  last.join();
  EXPECT_GT(cut_, 0);
  EXPECT_FALSE(IsCut(kThreads - 1));
}

TEST_F(HeadRoomTest, OnesThatAreBeingAnsweredStay) {
  Open("GET / HTTP/1.1\r\n\r\n");
  Read(0);
  sockaddr_in peer = {};
  socklen_t size = sizeof(peer);
  ASSERT_EQ(getpeername(accepted_[0], reinterpret_cast<sockaddr*>(&peer), &size), 0);
  const ConnectionEnds ends = {port_, "127.0.0.1", ntohs(peer.sin_port)};
  room_.RequestCame(ends);
  for (size_t i = 0; i < kMost + 2; ++i) Open("");
  EXPECT_EQ(cut_, 2);
  EXPECT_FALSE(IsCut(0));
  room_.RequestDone(ends);
  EXPECT_EQ(cut_, 3) << "one that never spoke before it";
  EXPECT_FALSE(IsCut(0));
}

}  // namespace
}  // namespace snapvit
