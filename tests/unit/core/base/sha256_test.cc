#include "core/base/sha256.h"

#include <gtest/gtest.h>

#include <string>

namespace snapvit {
namespace {

std::string HashOf(const std::string& text) {
  Sha256 hash;
  hash.Add(text.data(), text.size());
  return hash.HexDigest();
}

// FIPS 180-2, appendix B, and the empty message.
TEST(Sha256, MatchesThePublishedVectors) {
  EXPECT_EQ(HashOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HashOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HashOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HashOf(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowItIsFed) {
  Sha256 hash;
  hash.Add("a", 1);
  hash.Add("", 0);
  hash.Add("bc", 2);
  EXPECT_EQ(hash.HexDigest(), HashOf("abc"));
}

TEST(Sha256, SeparatesFields) {
  Sha256 left;
  left.AddField("ab");
  left.AddField("c");
  Sha256 right;
  right.AddField("a");
  right.AddField("bc");
  EXPECT_NE(left.HexDigest(), right.HexDigest());
}

}  // namespace
}  // namespace snapvit
