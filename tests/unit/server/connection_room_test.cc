#include "server/connection_room.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/http_client.h"
#include "tests/testing/loopback_listener.h"

namespace snapvit {
namespace {

constexpr size_t kMost = 2;
constexpr size_t kMostAtAll = 5;

// Connections of a listener whose clients read nothing.
class ConnectionRoomTest : public testing::Test {
 protected:
  ~ConnectionRoomTest() override {
    for (const ConnectionSocket& socket : accepted_) close(socket.fd);
  }

  void Enter() {
    clients_.push_back(std::make_unique<HttpConnection>(listener_.port()));
    accepted_.push_back(listener_.Accept());
    room_.Enter(accepted_.back().ends);
  }
  // Sends what does not fit.
  void Fill(size_t i) const {
    const std::string much(1 << 20, 'x');
    while (send(accepted_[i].fd, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  bool IsCut(size_t i) const {
    return send(accepted_[i].fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
  }

  const LoopbackListener listener_;
  std::vector<std::unique_ptr<HttpConnection>> clients_;
  std::vector<ConnectionSocket> accepted_;
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
  room_.Leave(accepted_[0].ends);
  Enter();
  EXPECT_EQ(cut_, 0);
}

}  // namespace
}  // namespace snapvit
