#include "server/yaml_document.h"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace snapvit {
namespace {

// Refuses the second document. YAML::LoadAll would do to count them, but it takes a stray comma for
// one empty document after another, without end.
class OneDocument final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) throw YAML::ParserException(mark, "expected one document");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int documents_ = 0;
};

}  // namespace

YAML::Node LoadYamlDocument(const std::string& content) {
  std::istringstream stream(content);
  YAML::Parser parser(stream);
  OneDocument one;
  while (parser.HandleNextDocument(one)) {
  }
  return YAML::Load(content);
}

}  // namespace snapvit
