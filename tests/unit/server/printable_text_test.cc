#include "server/printable_text.h"

#include <gtest/gtest.h>

namespace snapvit {
namespace {

TEST(PrintableText, KeepsOrdinaryTextOfAnyLanguage) {
  const std::string text = "rung 3 ≤ 0.5, Grüße, 画像, 🐸";
  EXPECT_EQ(PrintableText(text, 1000), text);
}

TEST(PrintableText, SpellsOutControlCharacters) {
  EXPECT_EQ(PrintableText("a\nb\r\x1b[31m", 1000), "a\\x0ab\\x0d\\x1b[31m");
  // NEL and the line separator end lines in some viewers.
  EXPECT_EQ(PrintableText("\xC2\x85", 1000), "\\xc2\\x85");
  EXPECT_EQ(PrintableText("\xE2\x80\xA8", 1000), "\\xe2\\x80\\xa8");
  // What turns the direction of text around hides what it says.
  EXPECT_EQ(PrintableText("a\xE2\x80\xAE", 1000), "a\\xe2\\x80\\xae");
  EXPECT_EQ(PrintableText("\xE2\x81\xA6", 1000), "\\xe2\\x81\\xa6");
}

TEST(PrintableText, SpellsOutBytesThatAreNotUtf8) {
  EXPECT_EQ(PrintableText("\xFF\xD8jpeg", 1000), "\\xff\\xd8jpeg");
  EXPECT_EQ(PrintableText("\xC0\xAF", 1000), "\\xc0\\xaf");           // overlong '/'
  EXPECT_EQ(PrintableText("\xED\xA0\x80", 1000), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(PrintableText("\xE2\x82", 1000), "\\xe2\\x82");           // cut off
}

TEST(PrintableText, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(PrintableText("äääää", 4), "ää…");
  EXPECT_EQ(PrintableText("abcd", 4), "abcd");
}

}  // namespace
}  // namespace snapvit
