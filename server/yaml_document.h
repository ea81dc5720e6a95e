// Reading YAML that is one document.
#ifndef SNAPVIT_SERVER_YAML_DOCUMENT_H_
#define SNAPVIT_SERVER_YAML_DOCUMENT_H_

#include <yaml-cpp/yaml.h>

#include <string>

namespace snapvit {

// The document in `content`; null if there is none. Throws YAML::Exception if it is not YAML, or
// more than one document.
YAML::Node LoadYamlDocument(const std::string& content);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_YAML_DOCUMENT_H_
