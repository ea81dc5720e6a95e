#include "server/tenant_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/option_values.h"
#include "server/printable_text.h"
#include "server/yaml_document.h"

namespace snapvit {
namespace {

constexpr size_t kLongestName = 63;
constexpr size_t kMostShown = 128;  // bytes of a wrong value
constexpr char kHashPrefix[] = "sha256:";
constexpr size_t kHashDigits = 64;
constexpr double kGreatestNumber = 1e12;

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

// The errors of one file.
class Locator {
 public:
  explicit Locator(const std::string& path) : path_(path) {}
  absl::Status At(int line, std::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ":", line, ": ", std::string(what)));
  }

 private:
  const std::string& path_;
};

// --- Values ---

absl::Status Expected(const YAML::Node& node, std::string_view expected) {
  if (!node.IsScalar()) {
    return absl::InvalidArgumentError(
        absl::StrCat("has no plain value, expected ", std::string(expected)));
  }
  return BadValue(PrintableText(node.Scalar(), kMostShown), expected);
}

absl::Status SetPositive(const YAML::Node& node, double& value) {
  if (node.IsScalar() && absl::SimpleAtod(node.Scalar(), &value) && value > 0 &&
      value <= kGreatestNumber) {
    return absl::OkStatus();
  }
  return Expected(node, "a number above 0");
}

absl::Status SetPositive(const YAML::Node& node, std::optional<double>& value) {
  return SetPositive(node, value.emplace());
}

// A list of texts; one text alone is a list of one.
absl::StatusOr<std::vector<std::string>> TextsOf(const YAML::Node& node, const char* expected) {
  std::vector<std::string> texts;
  if (node.IsScalar()) {
    texts.push_back(node.Scalar());
  } else if (node.IsSequence()) {
    for (const YAML::Node& element : node) {
      if (!element.IsScalar()) return Expected(element, expected);
      texts.push_back(element.Scalar());
    }
  }
  if (texts.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("is empty, expected ", expected));
  }
  return texts;
}

absl::Status SetKeys(const YAML::Node& node, TenantPolicy& policy) {
  constexpr char kExpected[] =
      "hashed keys, sha256: and 64 hexadecimal digits each (docs/tenants.md says how to make one)";
  ASSIGN_OR_RETURN(const std::vector<std::string> texts, TextsOf(node, kExpected));
  for (const std::string& text : texts) {
    std::string digits = absl::AsciiStrToLower(text);
    const bool hashed = absl::StartsWith(digits, kHashPrefix);
    if (hashed) digits.erase(0, std::size(kHashPrefix) - 1);
    if (!hashed || digits.size() != kHashDigits ||
        !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
      // It may be a key as it is: that must not get into a log.
      return absl::InvalidArgumentError(
          absl::StrCat("has a value (not shown) that is no hash, expected ", kExpected));
    }
    policy.key_hashes.push_back(std::move(digits));
  }
  return absl::OkStatus();
}

absl::Status SetCertificates(const YAML::Node& node, TenantPolicy& policy) {
  constexpr char kExpected[] =
      "names in client certificates: DNS names, URIs, or common names of certificates without both";
  ASSIGN_OR_RETURN(policy.certificates, TextsOf(node, kExpected));
  for (const std::string& name : policy.certificates) {
    if (name.empty())
      return absl::InvalidArgumentError(absl::StrCat("is '', expected ", kExpected));
  }
  return absl::OkStatus();
}

absl::Status SetDefaultBudget(const YAML::Node& node, TenantPolicy& policy) {
  const auto target = ParseBudgetTarget(node.IsScalar() ? node.Scalar() : "");
  if (!target.ok()) {
    return Expected(node,
                    "a budget such as 0.8, 80%, 4.2gflops, 15ms, fidelity:0.95, sparsity:0.3 or "
                    "mlp:.25/heads:.1");
  }
  policy.default_budget = *target;
  return absl::OkStatus();
}

absl::Status SetFloor(const YAML::Node& node, TenantPolicy& policy) {
  const auto floor = ParseFloor(node.IsScalar() ? node.Scalar() : "");
  if (!floor.ok()) return Expected(node, "compute such as 0.4 or 40%, or fidelity:0.8");
  policy.floor = *floor;
  return absl::OkStatus();
}

absl::Status SetCeiling(const YAML::Node& node, TenantPolicy& policy) {
  const auto target = ParseBudgetTarget(node.IsScalar() ? node.Scalar() : "");
  if (!target.ok() || !std::holds_alternative<ComputeTarget>(*target)) {
    return Expected(node, "compute such as 0.8 or 80%");
  }
  policy.ceiling = std::get<ComputeTarget>(*target);
  return absl::OkStatus();
}

absl::Status SetStrict(const YAML::Node& node, TenantPolicy& policy) {
  const auto allowed = ParseBool(node.IsScalar() ? node.Scalar() : "");
  if (!allowed.ok()) return Expected(node, "true or false: whether strict budgets are allowed");
  policy.strict_allowed = *allowed;
  return absl::OkStatus();
}

absl::Status SetPriority(const YAML::Node& node, TenantPolicy& policy) {
  constexpr EnumName<PriorityClass> kClasses[] = {{"interactive", PriorityClass::kInteractive},
                                                  {"batch", PriorityClass::kBatch}};
  if (!node.IsScalar()) return Expected(node, "one of interactive, batch");
  return ParseChoice(node.Scalar(), kClasses, policy.priority);
}

absl::Status SetLatencyTarget(const YAML::Node& node, TenantPolicy& policy) {
  absl::Duration target;
  if (!node.IsScalar() || !absl::ParseDuration(node.Scalar(), &target) ||
      target <= absl::ZeroDuration() || target == absl::InfiniteDuration()) {
    return Expected(node, "a duration above 0 with its unit, such as 50ms or 1.5s");
  }
  policy.latency_target = target;
  return absl::OkStatus();
}

absl::Status SetConcurrency(const YAML::Node& node, TenantPolicy& policy) {
  const auto images = ParseWhole(node.IsScalar() ? node.Scalar() : "", 1, 1'000'000);
  if (!images.ok()) return Expected(node, "a whole number of images from 1 to 1000000");
  policy.concurrency = static_cast<int>(*images);
  return absl::OkStatus();
}

struct Setting {
  const char* name;
  // INVALID_ARGUMENT "is '…', expected …", without the setting's name.
  absl::Status (*set)(const YAML::Node& node, TenantPolicy& policy);
};

constexpr Setting kSettings[] = {
    {"keys", SetKeys},
    {"certificates", SetCertificates},
    {"default_budget", SetDefaultBudget},
    {"floor", SetFloor},
    {"ceiling", SetCeiling},
    {"strict", SetStrict},
    {"priority", SetPriority},
    {"latency_target", SetLatencyTarget},
    {"weight", [](const YAML::Node& n, TenantPolicy& p) { return SetPositive(n, p.weight); }},
    {"rate_gflops",
     [](const YAML::Node& n, TenantPolicy& p) { return SetPositive(n, p.rate_gflops); }},
    {"burst_gflop",
     [](const YAML::Node& n, TenantPolicy& p) { return SetPositive(n, p.burst_gflop); }},
    {"concurrency", SetConcurrency},
};

const Setting* FindSetting(const std::string& name) {
  const auto* setting = std::find_if(std::begin(kSettings), std::end(kSettings),
                                     [&](const Setting& s) { return name == s.name; });
  return setting == std::end(kSettings) ? nullptr : setting;
}

std::string SettingNames() {
  std::string names;
  for (const Setting& setting : kSettings) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", setting.name);
  }
  return names;
}

// --- Tenants ---

// What the settings of a tenant must be together.
absl::Status CheckPolicy(TenantPolicy& policy) {
  if (policy.key_hashes.empty() && policy.certificates.empty()) {
    return absl::InvalidArgumentError(
        "has neither keys nor certificates, expected at least one: nobody could be this tenant");
  }
  if (policy.burst_gflop > 0 && !policy.rate_gflops.has_value()) {
    return absl::InvalidArgumentError("has a burst_gflop but no rate_gflops, expected both");
  }
  if (policy.burst_gflop == 0) policy.burst_gflop = policy.rate_gflops.value_or(0);  // one second's
  if (!policy.ceiling.has_value()) return absl::OkStatus();
  const auto above = [&policy](const auto& setting) {
    if (!setting.has_value()) return false;
    const auto* compute = std::get_if<ComputeTarget>(&*setting);
    return compute != nullptr && compute->share > policy.ceiling->share;
  };
  if (above(policy.floor)) {
    return absl::InvalidArgumentError("has a floor above its ceiling, expected one not above it");
  }
  if (above(policy.default_budget)) {
    return absl::InvalidArgumentError(
        "has a default_budget above its ceiling, expected one not above it");
  }
  return absl::OkStatus();
}

class TenantsReader {
 public:
  explicit TenantsReader(const std::string& path) : locator_(path) {}

  // May throw YAML::Exception.
  absl::StatusOr<std::vector<TenantPolicy>> Read(const std::string& content) {
    const YAML::Node root = LoadYamlDocument(content);
    if (!root.IsMap()) {
      return locator_.At(1, "expected one document with the key tenants");
    }
    for (const auto& pair : root) {
      const int line = LineOf(pair.first);
      const std::string key = KeyOf(pair.first);
      if (key != "tenants") {
        return locator_.At(line, absl::StrCat("unknown key '", key, "', expected tenants"));
      }
      if (!once_.emplace(key, line).second) return Repeated(line, key, once_[key]);
      RETURN_IF_ERROR(ReadTenants(pair.second, line));
    }
    if (tenants_.empty()) return locator_.At(1, "expected at least one tenant");
    return std::move(tenants_);
  }

 private:
  static std::string KeyOf(const YAML::Node& node) {
    return node.IsScalar() ? PrintableText(node.Scalar(), kMostShown) : "(no plain text)";
  }

  absl::Status Repeated(int line, const std::string& what, int first_line) const {
    return locator_.At(line, absl::StrCat(what, " was given before, in line ", first_line));
  }

  absl::Status ReadTenants(const YAML::Node& node, int line) {
    if (!node.IsMap()) {
      return locator_.At(line, "tenants is no mapping, expected NAME: and its settings below");
    }
    std::map<std::string, int> lines;
    for (const auto& pair : node) {
      const std::string name = KeyOf(pair.first);
      const int name_line = LineOf(pair.first);
      RETURN_IF_ERROR(CheckName(name, name_line));
      const auto [first, inserted] = lines.emplace(name, name_line);
      if (!inserted) return Repeated(name_line, absl::StrCat("tenant ", name), first->second);
      RETURN_IF_ERROR(ReadTenant(name, name_line, pair.second));
    }
    return absl::OkStatus();
  }

  absl::Status CheckName(const std::string& name, int line) const {
    const auto allowed = [](char c) {
      return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_' || c == '.';
    };
    if (name == kOtherTenant) {
      return locator_.At(line, "tenant other: the name stands for all callers without a tenant");
    }
    if (name.empty() || name.size() > kLongestName ||
        !std::all_of(name.begin(), name.end(), allowed)) {
      return locator_.At(line, absl::StrCat("tenant '", name,
                                            "': expected a name of 1 to 63 lower-case letters, "
                                            "digits, dashes, dots and underscores"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadTenant(const std::string& name, int line, const YAML::Node& node) {
    TenantPolicy policy;
    policy.name = name;
    if (!node.IsMap()) {
      return locator_.At(line, absl::StrCat("tenant ", name, " has no settings, expected some of ",
                                            SettingNames()));
    }
    std::map<std::string, int> lines;
    for (const auto& pair : node) {
      const std::string key = KeyOf(pair.first);
      const int key_line = LineOf(pair.first);
      const Setting* setting = FindSetting(key);
      if (setting == nullptr) {
        return locator_.At(key_line, absl::StrCat("tenant ", name, ": unknown setting '", key,
                                                  "', expected one of ", SettingNames()));
      }
      const auto [first, inserted] = lines.emplace(key, key_line);
      if (!inserted) return Repeated(key_line, key, first->second);
      const absl::Status set = setting->set(pair.second, policy);
      if (!set.ok()) {
        return locator_.At(key_line, absl::StrCat("tenant ", name, ": ", key, " ", set.message()));
      }
    }
    if (const absl::Status status = CheckPolicy(policy); !status.ok()) {
      return locator_.At(line, absl::StrCat("tenant ", name, " ", status.message()));
    }
    RETURN_IF_ERROR(CheckUnique(policy.key_hashes, "key", name, line));
    RETURN_IF_ERROR(CheckUnique(policy.certificates, "certificate", name, line));
    tenants_.push_back(std::move(policy));
    return absl::OkStatus();
  }

  // A key or a name of a certificate means one tenant.
  absl::Status CheckUnique(const std::vector<std::string>& identities, const char* kind,
                           const std::string& tenant, int line) {
    for (const std::string& identity : identities) {
      const auto [owner, inserted] =
          owners_.emplace(std::make_pair(std::string(kind), identity), tenant);
      if (inserted) continue;
      return locator_.At(line, absl::StrCat("tenant ", tenant, " has a ", kind,
                                            " that was given before, to tenant ", owner->second));
    }
    return absl::OkStatus();
  }

  const Locator locator_;
  std::map<std::string, int> once_;
  std::map<std::pair<std::string, std::string>, std::string> owners_;
  std::vector<TenantPolicy> tenants_;
};

}  // namespace

absl::StatusOr<std::vector<TenantPolicy>> ParseTenants(const std::string& content,
                                                       const std::string& path) {
  try {
    return TenantsReader(path).Read(content);
  } catch (const YAML::Exception& error) {
    return Locator(path).At(error.mark.line + 1, absl::StrCat("is not YAML: ", error.msg));
  }
}

}  // namespace snapvit
