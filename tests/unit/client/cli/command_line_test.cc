// The verbs on the demo model with an ordering of random scores (computing one takes too long
// here).
#include "client/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/file.h"
#include "tests/testing/orderings.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/vit_configs.h"
#include "tests/unit/client/cli/command_line_run.h"
#include "tests/unit/client/cli/well_formed_xml.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Source(const std::string& path) { return SNAPVIT_SOURCE_DIR "/" + path; }

class CommandLineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteOrdering(RandomOrdering(DemoVit(), 1), ordering_).ok());
  }

  // The verb on the demo model, with no cache but the test's own, and orderings left as they are.
  CommandLineRun RunOnDemo(const std::string& verb, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {verb, "--model", Source("models/demo"), "--cache-dir",
                                         folder_.path() + "/cache", "--as-is"});
    return RunSnapvit(std::move(arguments));
  }
  // Two folders, named as two classes of the model, of three images.
  std::string ClassFolders() const {
    const std::string image = *ReadFile(image_, 1 << 20);
    folder_.Write("classes/frog/a.jpg", image);
    folder_.Write("classes/frog/b.png", *ReadFile(Source(kPng), 1 << 20));
    folder_.Write("classes/ship/a.jpg", image);
    return folder_.path() + "/classes";
  }

  static constexpr char kPng[] = "tests/testdata/images/decode/rgb_8.png";
  const TemporaryFolder folder_;
  const std::string ordering_ = folder_.path() + "/random.safetensors";
  const std::string image_ = Source("tests/testdata/images/decode/quality_98.jpg");
};

TEST_F(CommandLineTest, WrongUsageIsTwoAndNamesWhatIsWrong) {
  EXPECT_EQ(RunSnapvit({}).status, 2);
  EXPECT_EQ(RunSnapvit({"--help"}).status, 0);
  EXPECT_EQ(RunSnapvit({"--version"}).status, 0);
  EXPECT_THAT(RunSnapvit({"--version"}).out, ::testing::MatchesRegex("snapvit [0-9.]+\n"));
  const CommandLineRun misspelt = RunSnapvit({"clasify"});
  EXPECT_EQ(misspelt.status, 2);
  EXPECT_THAT(misspelt.err, HasSubstr("clasify"));
  const CommandLineRun both = RunSnapvit({"embed", "x", "--model", "a", "--target", "b:1"});
  EXPECT_EQ(both.status, 2);
  EXPECT_THAT(both.err, HasSubstr("either --model DIR or --target HOST:PORT"));
  for (const char* local : {"--no-exif", "--as-is"}) {
    EXPECT_THAT(RunSnapvit({"embed", "x", "--target", "b:1", local}).err, HasSubstr(local));
  }
  EXPECT_THAT(RunSnapvit({"embed", "x", "--model", "/no/model"}).err, HasSubstr("/no/model"));
}

// Also with the value that is the default.
TEST_F(CommandLineTest, FlagsOfTheOtherKindOfModelAreRefusedByName) {
  const std::vector<std::vector<std::string>> local = {
      {"--ordering", "x"}, {"--as-is"},         {"--cache-dir", "x"},
      {"--device", "cpu"}, {"--dtype", "fp32"}, {"--calibration", "synthetic"},
      {"--rungs", "31"},   {"--threads", "0"},  {"--corrections", "full"},
      {"--no-exif"}};
  const std::vector<std::vector<std::string>> remote = {
      {"--api-key-file", "x"}, {"--tls"},
      {"--tls-ca", "x"},       {"--tls-cert", "x"},
      {"--tls-key", "x"},      {"--tls-server-name", "x"},
      {"--timeout", "60"},     {"--model-name", "x"}};
  const auto refusal = [](std::vector<std::string> arguments,
                          const std::vector<std::string>& flag) {
    arguments.insert(arguments.end(), flag.begin(), flag.end());
    const CommandLineRun run = RunSnapvit(std::move(arguments));
    EXPECT_EQ(run.status, 2);
    return run.err;
  };
  for (const char* verb : {"embed", "classify"}) {
    for (const auto& flag : local) {
      EXPECT_THAT(refusal({verb, "x", "--target", "b:1"}, flag),
                  HasSubstr(flag[0] + " goes with --model, not with --target"));
    }
    for (const auto& flag : remote) {
      EXPECT_THAT(refusal({verb, "x", "--model", "a"}, flag),
                  HasSubstr(flag[0] + " goes with --target, not with --model"));
    }
  }
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_THAT(refusal({"inspect", Source("models/demo")}, remote[i]),
                HasSubstr(remote[i][0] + " goes with --target, not with a folder or file"));
  }
  EXPECT_THAT(refusal({"inspect", ordering_}, {"--rungs", "4"}),
              HasSubstr("--rungs goes with a model folder, not with an ordering file"));
}

// What cannot be written at the end is known before anything is opened.
TEST_F(CommandLineTest, OutputsAreCheckedBeforeTheWork) {
  const std::string file = folder_.Write("file", "in the way");
  const std::vector<std::vector<std::string>> commands = {
      {"embed", image_, "--model", "/no/model", "-o"},
      {"classify", image_, "--model", "/no/model", "--output"},
      {"evaluate", "--model", "/no/model", "--images", "/no/images", "--csv"},
      {"evaluate", "--model", "/no/model", "--images", "/no/images", "--svg"},
      {"order", "--model", "/no/model", "-o"},
      {"order", "--model", "/no/model", "-o", folder_.path() + "/o", "--recipe", "published",
       "--trace"},
      {"import-scores", "/no/scores", "-o"},
      {"bench", "--target", "127.0.0.1:1", "--rate", "1", "--svg"},
      {"bench", "--target", "127.0.0.1:1", "--rate", "1", "--timeline"}};
  for (std::vector<std::string> command : commands) {
    for (const std::string& path : {folder_.path() + "/none/out", file + "/out"}) {
      command.push_back(path);
      const CommandLineRun run = RunSnapvit(command);
      EXPECT_EQ(run.status, 2) << command[0];
      EXPECT_THAT(run.err, HasSubstr("cannot write " + path + ": there is no folder"))
          << command[0];
      command.back() = folder_.path();
      EXPECT_THAT(RunSnapvit(command).err, HasSubstr(folder_.path() + " is a folder"))
          << command[0];
      command.pop_back();
    }
  }
}

TEST_F(CommandLineTest, TooFewImagesToOrderByAreNamedWithTheLeast) {
  const std::string output = folder_.path() + "/new.safetensors";
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"}) {
    folder_.Write(std::string("few/") + name, *ReadFile(image_, 1 << 20));
  }
  const CommandLineRun run = RunSnapvit({"order", "--model", Source("models/demo"), "--images",
                                         folder_.path() + "/few", "-o", output});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("has 5 images, expected at least 12"));
  EXPECT_THAT(
      RunSnapvit({"order", "--model", Source("models/demo"), "--count", "1", "-o", output}).err,
      HasSubstr("--count"));
}

TEST_F(CommandLineTest, ADeviceThatCannotBeOpenedOrdersNothing) {
  const std::string output = folder_.path() + "/new.safetensors";
  const CommandLineRun run =
      RunSnapvit({"order", "--model", Source("models/demo"), "--device", "gpu", "-o", output});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("'gpu', expected auto, cpu, cuda or cuda:N"));
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST_F(CommandLineTest, UnknownBudgetNamesTheAcceptedForms) {
  const CommandLineRun run = RunOnDemo("classify", {image_, "--budget", "much"});
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("'much'"));
  EXPECT_THAT(run.err, HasSubstr("fidelity:0.95"));
}

TEST_F(CommandLineTest, AtBudgetOneNoOrderingIsReadOrMade) {
  const CommandLineRun run = RunOnDemo("classify", {image_, "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  const auto result = run.json()["results"][0];
  EXPECT_EQ(run.json()["model"], "demo");
  EXPECT_EQ(result["file"], image_);
  EXPECT_EQ(result["labels"].size(), 5U);
  EXPECT_EQ(result["receipt"]["served_compute"], 1);
  EXPECT_EQ(result["receipt"]["estimated_fidelity"], 1);
  EXPECT_EQ(result["receipt"]["ordering_id"], "dense");
  EXPECT_EQ(result["receipt"]["embedding_space_id"].get<std::string>().size(), 64U);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/cache/ordering.safetensors"));
}

TEST_F(CommandLineTest, Int8FindsTheSameLabelOrSaysWhyNot) {
  const CommandLineRun exact = RunOnDemo("classify", {image_, "--json"});
  const CommandLineRun int8 = RunOnDemo("classify", {image_, "--dtype", "int8", "--json"});
  if (int8.status == 2) {
    EXPECT_THAT(int8.err, HasSubstr("no products of int8"));
    return;
  }
  const auto expected = exact.json()["results"][0]["labels"][0];
  const auto label = int8.json()["results"][0]["labels"][0];
  EXPECT_EQ(label["label"], expected["label"]);
  EXPECT_NEAR(label["score"].get<double>(), expected["score"].get<double>(), 0.05);
  EXPECT_NE(label["score"], expected["score"]) << "this is not int8";
  EXPECT_THAT(RunOnDemo("classify", {image_, "--dtype", "int4"}).err, HasSubstr("int8"));
}

TEST_F(CommandLineTest, BudgetsAreServedFromTheOrdering) {
  for (const char* budget : {"0.5", "50%", "sparsity:0.5", "mlp:.5/heads:.3", "0.18gflops"}) {
    const CommandLineRun run = RunOnDemo(
        "embed", {image_, "--budget", budget, "--floor", "0.4", "--ordering", ordering_, "--json"});
    EXPECT_EQ(run.status, 0) << run.err;
    const auto receipt = run.json()["results"][0]["receipt"];
    EXPECT_GT(receipt["served_compute"], 0.4) << budget;
    EXPECT_LT(receipt["served_compute"], 0.65) << budget;
    EXPECT_NEAR(receipt["floor_compute"], 0.4, 0.03) << budget;
  }
  const CommandLineRun above =
      RunOnDemo("embed", {image_, "--budget", "0.4", "--floor", "0.6", "--ordering", ordering_});
  EXPECT_EQ(above.status, 2);
  EXPECT_THAT(above.err, HasSubstr("floor 0.6 is above the budget 0.4"));
}

TEST_F(CommandLineTest, ABadImageDoesNotHarmTheOthers) {
  const std::string bad = folder_.Write("bad.jpg", "nonsense");
  const CommandLineRun run = RunOnDemo("embed", {bad, image_, "/no/such.png"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.err, HasSubstr("bad.jpg: INVALID_ARGUMENT"));
  EXPECT_THAT(run.err, HasSubstr("/no/such.png: NOT_FOUND"));
  std::istringstream lines(run.out);
  std::string line;
  std::vector<nlohmann::json> items;
  while (std::getline(lines, line)) items.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0]["error"]["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(items[1]["embedding"].size(), 192U);
  EXPECT_EQ(items[2]["error"]["code"], "NOT_FOUND");
  EXPECT_EQ(RunOnDemo("embed", {bad}).status, 2) << "nothing was done";
}

TEST_F(CommandLineTest, WritesAnArrayWithARowForEveryImage) {
  const std::string file = folder_.path() + "/rows.npy";
  const CommandLineRun run = RunOnDemo("embed", {image_, "/no/such.png", "-o", file});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.out, HasSubstr("2 x 192"));
  EXPECT_THAT(*ReadFile(file, 1 << 20), HasSubstr("'shape': (2, 192), "));
}

TEST_F(CommandLineTest, NormalisesOnlyIfAsked) {
  const auto squares = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {image_, "--json", "--dimensions", "64"});
    double sum = 0;
    const auto json = RunOnDemo("embed", std::move(flags)).json();
    for (const double x : json["results"][0]["embedding"]) sum += x * x;
    return sum;
  };
  EXPECT_NEAR(squares({"--normalize"}), 1, 1e-5);
  EXPECT_GT(squares({}), 5);
}

TEST_F(CommandLineTest, KeepCountsAreThoseOfTheRule) {
  const CommandLineRun run =
      RunSnapvit({"keep", "--ordering", ordering_, "--mlp", "0.3", "--heads", "0.25", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  const auto json = run.json();
  int channels = 0;
  int heads = 0;
  for (int block = 0; block < 6; ++block) {
    channels += json["mlp_keep"][block].get<int>();
    heads += json["head_keep"][block].get<int>();
    EXPECT_EQ(json["mlp_indices"][block].size(), json["mlp_keep"][block]);
    EXPECT_EQ(json["head_indices"][block].size(), json["head_keep"][block]);
  }
  EXPECT_EQ(channels, 6 * 768 - static_cast<int>(6 * 768 * 0.3));
  EXPECT_EQ(heads, 36 - 9);
  EXPECT_THAT(RunSnapvit({"keep", "--ordering", ordering_, "--mlp", "2", "--heads", "0"}).err,
              HasSubstr("2"));
}

TEST_F(CommandLineTest, ImportsPublishedScores) {
  const std::string scores = Source("tests/testdata/scores/synthetic.pt");
  const std::string imported = folder_.path() + "/imported.safetensors";
  const CommandLineRun done = RunSnapvit({"import-scores", scores, "-o", imported});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(ReadOrdering(imported)->recipe, "published");
  // Of another shape than the model: nothing is written.
  const std::string refused = folder_.path() + "/refused.safetensors";
  const CommandLineRun wrong =
      RunSnapvit({"import-scores", scores, "-o", refused, "--model", Source("models/demo")});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("3 blocks of 40 channels"));
  EXPECT_FALSE(std::filesystem::exists(refused));
}

TEST_F(CommandLineTest, OrdersByThePublishedRecipeWithATrace) {
  const std::string output = folder_.path() + "/published.safetensors";
  const CommandLineRun run =
      RunSnapvit({"order", "--model", Source("models/demo"), "--recipe", "published", "--count",
                  "3", "--evaluations", "4", "--trace", "-", "-o", output});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("evaluation,seconds,best_fitness\n1,"));
  EXPECT_THAT(run.out, HasSubstr("\n4,"));
  EXPECT_EQ(ReadOrdering(output)->recipe, "published");
  EXPECT_FALSE(std::filesystem::exists(output + ".partial"));
}

TEST_F(CommandLineTest, SearchFlagsNeedTheRecipeThatSearches) {
  const CommandLineRun run = RunSnapvit(
      {"order", "--model", Source("models/demo"), "--evaluations", "4", "-o", ordering_});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("--recipe published"));
}

TEST_F(CommandLineTest, InspectsAModelAndAnOrdering) {
  const CommandLineRun model = RunSnapvit({"inspect", Source("models/demo"), "--ordering",
                                           ordering_, "--cache-dir", folder_.path(), "--json"});
  EXPECT_EQ(model.status, 0) << model.err;
  EXPECT_EQ(model.json()["blocks"], 6);
  EXPECT_GT(model.json()["ladder"].size(), 20U);
  const CommandLineRun dense = RunSnapvit(
      {"inspect", Source("models/demo"), "--cache-dir", folder_.path() + "/none", "--json"});
  EXPECT_EQ(dense.json()["ladder"].size(), 1U);
  EXPECT_THAT(dense.err, HasSubstr("no ordering was found"));
  const CommandLineRun ordering = RunSnapvit({"inspect", ordering_, "--json"});
  EXPECT_EQ(ordering.json()["hidden"], 768);
  EXPECT_EQ(RunSnapvit({"inspect", folder_.Write("x", "nonsense")}).status, 2);
}

TEST_F(CommandLineTest, ProfilesWithoutAnOrderingAndSaysSo) {
  const CommandLineRun run = RunOnDemo(
      "profile", {"--budgets", "1,0.5", "--batches", "2,1", "--repetitions", "1", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("uniform over the blocks"));
  const auto json = run.json();
  EXPECT_EQ(json["keep_counts"], "uniform");
  ASSERT_EQ(json["cells"].size(), 4U);
  EXPECT_EQ(json["cells"][0]["batch"], 1);
  EXPECT_EQ(json["cells"][3]["budget"], "0.5");
  EXPECT_NEAR(json["cells"][3]["served_compute"], 0.5, 0.03);
  const CommandLineRun dense =
      RunOnDemo("profile", {"--budgets", "1", "--batches", "1", "--repetitions", "1"});
  EXPECT_THAT(dense.err, Not(HasSubstr("uniform")));
}

TEST_F(CommandLineTest, EvaluatesClassFolders) {
  const std::string csv = folder_.path() + "/e.csv";
  const std::string svg = folder_.path() + "/e.svg";
  const std::string images = ClassFolders();
  const CommandLineRun run =
      RunOnDemo("evaluate",
                {"--ordering", ordering_, "--images", images, "--train", images, "--budgets",
                 "1,0.5", "--neighbours", "1", "--csv", csv, "--svg", svg, "--latency", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  const auto json = run.json();
  EXPECT_EQ(json["images"], 3);
  ASSERT_EQ(json["rows"].size(), 2U);
  const auto& dense = json["rows"][0];
  EXPECT_EQ(dense["budget"], "1");
  EXPECT_NEAR(dense["fidelity"], 1, 1e-6);
  EXPECT_EQ(dense["agreement"], 1);
  EXPECT_GT(dense["latency_ms"], 0);
  EXPECT_LT(json["rows"][1]["fidelity"], 1);
  EXPECT_THAT(*ReadFile(csv, 1 << 20), HasSubstr("\n0.5,"));
  EXPECT_TRUE(IsWellFormedXml(*ReadFile(svg, 1 << 20)));
}

TEST_F(CommandLineTest, EvaluateComparesOrderings) {
  const std::string other = folder_.path() + "/other.safetensors";
  ASSERT_TRUE(WriteOrdering(RandomOrdering(DemoVit(), 2), other).ok());
  const CommandLineRun run =
      RunOnDemo("evaluate", {"--ordering", ordering_ + "," + other, "--images", ClassFolders(),
                             "--budgets", "1,0.5", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  const auto rows = run.json()["rows"];
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0]["ordering"], "random");
  EXPECT_EQ(rows[3]["ordering"], "other");
  EXPECT_EQ(rows[0]["top1"], rows[2]["top1"]) << "dense is dense";
  EXPECT_NE(rows[1]["fidelity"], rows[3]["fidelity"]);
  const CommandLineRun missing =
      RunOnDemo("evaluate", {"--ordering", ordering_, "--ordering", "/no/such.safetensors",
                             "--images", ClassFolders(), "--budgets", "0.5"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("/no/such.safetensors"));
}

TEST_F(CommandLineTest, EvaluationNamesAFolderWithoutClasses) {
  const std::string empty = folder_.path() + "/empty";
  std::filesystem::create_directories(empty);
  const CommandLineRun run = RunOnDemo("evaluate", {"--images", empty});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr(empty));
}

}  // namespace
}  // namespace snapvit::cli
