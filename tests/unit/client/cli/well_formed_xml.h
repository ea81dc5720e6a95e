// Enough of an XML reader to find documents that are none.
#ifndef SNAPVIT_TESTS_UNIT_CLIENT_CLI_WELL_FORMED_XML_H_
#define SNAPVIT_TESTS_UNIT_CLIENT_CLI_WELL_FORMED_XML_H_

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

namespace snapvit::cli {

// Elements are closed in order, attributes are quoted, and text and attribute values have no bare
// "<" or "&". (No comments, CDATA or processing instructions: our writer makes none.)
inline ::testing::AssertionResult IsWellFormedXml(const std::string& text) {
  static const std::regex tag(
      R"re(^<(/?)([A-Za-z]+)((?:\s+[A-Za-z][A-Za-z0-9:-]*="(?:[^<&"]|&(?:amp|lt|gt|quot);)*")*)\s*(/?)>)re");
  static const std::regex characters("^(?:[^<&]|&(?:amp|lt|gt|quot);)+");
  std::vector<std::string> open;
  int roots = 0;
  std::smatch match;
  for (auto at = text.begin(); at != text.end(); at += match.length()) {
    if (std::regex_search(at, text.end(), match, characters)) continue;
    if (!std::regex_search(at, text.end(), match, tag)) {
      return ::testing::AssertionFailure()
             << "no tag: " << std::string(at, text.end()).substr(0, 80);
    }
    if (match[1].length() == 0) {
      if (open.empty()) ++roots;
      if (match[4].length() == 0) open.push_back(match[2]);
    } else if (open.empty() || open.back() != match[2]) {
      return ::testing::AssertionFailure() << "</" << match[2] << "> closes nothing";
    } else {
      open.pop_back();
    }
  }
  if (!open.empty()) return ::testing::AssertionFailure() << open.back() << " is not closed";
  if (roots != 1) return ::testing::AssertionFailure() << roots << " roots";
  return ::testing::AssertionSuccess();
}

}  // namespace snapvit::cli

#endif  // SNAPVIT_TESTS_UNIT_CLIENT_CLI_WELL_FORMED_XML_H_
