#include "server/host_port.h"

#include <gtest/gtest.h>

namespace snapvit {
namespace {

TEST(HostPort, ReadsNamesAndBothKindsOfAddresses) {
  EXPECT_EQ(ParseHostPort("127.0.0.1:50051").value(), (HostPort{"127.0.0.1", 50051}));
  EXPECT_EQ(ParseHostPort("localhost:0").value(), (HostPort{"localhost", 0}));
  EXPECT_EQ(ParseHostPort("[::1]:8080").value(), (HostPort{"::1", 8080}));
}

TEST(HostPort, PrintsWhatItReads) {
  for (const char* text : {"127.0.0.1:50051", "[::1]:8080", "localhost:0"}) {
    EXPECT_EQ(ParseHostPort(text).value().ToString(), text);
  }
}

TEST(HostPort, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "8080", ":8080", "host:", "host:65536", "host:-1", "host:+1",
                           "::1:8080", "[]:80", "host:80a"}) {
    const auto parsed = ParseHostPort(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(HostPort, KnowsWhatOnlyThisMachineReaches) {
  for (const char* host : {"127.0.0.1", "127.0.1.1", "::1", "localhost"}) {
    EXPECT_TRUE((HostPort{host, 1}.IsLoopback())) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "server", "localhost.example.com"}) {
    EXPECT_FALSE((HostPort{host, 1}.IsLoopback())) << host;
  }
}

}  // namespace
}  // namespace snapvit
