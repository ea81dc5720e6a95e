// snapvit keep: which units the published keep rule keeps at one pair of pruning ratios.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/json_output.h"
#include "client/cli/text_table.h"
#include "client/cli/verb.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

struct KeepFlags {
  std::string ordering;
  double mlp = 0;
  double heads = 0;
  int channel_multiple = 1;
  bool json = false;
};

std::string ToText(const KeepCounts& keep, const Ordering& ordering) {
  TextTable table({{"block"}, {"channels"}, {"of"}, {"heads"}, {"of"}});
  for (size_t block = 0; block < keep.channels.size(); ++block) {
    table.AddRow({absl::StrCat(block), absl::StrCat(keep.channels[block]),
                  absl::StrCat(ordering.hidden), absl::StrCat(keep.heads[block]),
                  absl::StrCat(ordering.heads)});
  }
  return table.ToText();
}

absl::StatusOr<ExitStatus> RunKeep(const KeepFlags& flags) {
  ASSIGN_OR_RETURN(const Ordering ordering, ReadOrdering(flags.ordering));
  const UnitRanking ranking(ordering);
  ASSIGN_OR_RETURN(KeepCounts keep, ranking.Keep(flags.mlp, flags.heads));
  for (int& channels : keep.channels) {
    channels = RoundUpChannels(channels, flags.channel_multiple, ordering.hidden);
  }
  if (flags.json) {
    PrintJson(KeepJson(keep, ranking));
  } else {
    std::fputs(ToText(keep, ordering).c_str(), stdout);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddKeepVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<KeepFlags>();
  CLI::App* verb = app.add_subcommand(
      "keep", "Keep counts and kept units of every block for one pair of pruning ratios");
  verb->add_option("--ordering", flags->ordering, "Ordering file")->required()->type_name("FILE");
  verb->add_option("--mlp", flags->mlp, "Share of all MLP channels to remove, [0, 1)")->required();
  verb->add_option("--heads", flags->heads, "Share of all heads to remove, [0, 1)")->required();
  verb->add_option("--channel-multiple", flags->channel_multiple,
                   "Round channels up to a multiple; serving uses 16")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_flag("--json", flags->json, "One JSON document, with the kept units");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunKeep(*flags); }; });
}

}  // namespace snapvit::cli
