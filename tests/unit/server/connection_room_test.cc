#include "server/connection_room.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/http_client.h"

namespace snapvit {
namespace {

constexpr size_t kMost = 2;
constexpr size_t kMostAtAll = 5;

// Connections of a listener whose clients read nothing.
class ConnectionRoomTest : public testing::Test {
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
  ~ConnectionRoomTest() override {
    for (const int fd : accepted_) close(fd);
    close(listener_);
  }

  void Enter() {
    clients_.push_back(std::make_unique<HttpConnection>(port_));
    sockaddr_in peer = {};
    socklen_t size = sizeof(peer);
    accepted_.push_back(accept(listener_, reinterpret_cast<sockaddr*>(&peer), &size));
    ends_.push_back({port_, "127.0.0.1", ntohs(peer.sin_port)});
    room_.Enter(ends_.back());
  }
  // Sends what does not fit.
  void Fill(size_t i) const {
    const std::string much(1 << 20, 'x');
    while (send(accepted_[i], much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  bool IsCut(size_t i) const {
    return send(accepted_[i], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
  }

  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<HttpConnection>> clients_;
  std::vector<int> accepted_;
  std::vector<ConnectionEnds> ends_;
  int cut_ = 0;
  ConnectionRoom room_{kMost, kMostAtAll, [this] { ++cut_; }};
};

TEST_F(ConnectionRoomTest, TheFirstWhoseClientDoesNotTakeItsAnswerMakesWay) {
  Enter();
  Fill(0);
  Enter();
  Fill(1);
  EXPECT_EQ(cut_, 0);
  Enter();
  EXPECT_EQ(cut_, 1);
  EXPECT_TRUE(IsCut(0));
  EXPECT_FALSE(IsCut(1));
}

// A thread that has not come to send, since others were faster, is older than theirs.
TEST_F(ConnectionRoomTest, WhoIsAboutToSendStays) {
  Enter();
  for (int i = 0; i < 3; ++i) {
    Enter();
    Fill(accepted_.size() - 1);
  }
  Enter();
  EXPECT_FALSE(IsCut(0));
  EXPECT_TRUE(IsCut(1));
  EXPECT_GE(cut_, 2);
}

TEST_F(ConnectionRoomTest, ThereAreNotMoreThanThereAreThreads) {
  for (size_t i = 0; i < kMostAtAll; ++i) Enter();
  EXPECT_EQ(cut_, 0);
  Enter();
  EXPECT_EQ(cut_, 1);
  EXPECT_TRUE(IsCut(0));
}

TEST_F(ConnectionRoomTest, WhoHasLeftMakesRoom) {
  for (int i = 0; i < 2; ++i) {
    Enter();
    Fill(i);
  }
  room_.Leave(ends_[0]);
  Enter();
  EXPECT_EQ(cut_, 0);
}

}  // namespace
}  // namespace snapvit
