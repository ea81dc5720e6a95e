#include "core/snapvit/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// One of the images of tests/testdata.
std::string TestImage(const std::string& name) {
  return *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/" + name, 1 << 20);
}

class EvaluationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("b/1.png", TestImage("rgb_8.png"));
    folder_.Write("a/2.jpg", TestImage("quality_98.jpg"));
    folder_.Write("a/1.png", TestImage("grey_8.png"));
    folder_.Write("a/note.txt", "no image");
    images_ = *ListClassFolders(folder_.path());
  }

  // A tiny model of two classes with these names.
  static std::shared_ptr<const ElasticModel> Model(std::vector<std::string> labels,
                                                   uint64_t ordering_seed = 5) {
    const VitConfig config = MakeVitConfig(16, 4, 32, 2, 4, 64, 2);
    ModelFolder folder = RandomModel(config, 5);
    folder.labels = std::move(labels);
    return *ElasticModel::Create(folder, RandomOrdering(config, ordering_seed), {});
  }

  absl::StatusOr<Evaluation> Dense(const std::shared_ptr<const ElasticModel>& model,
                                   const LabelledImages* train) const {
    const EvaluationSubject subject{model, {model->ladder().dense()}};
    EvaluationOptions options;
    options.neighbours = 1;
    return Evaluate(std::span(&subject, 1), images_, train, options, nullptr);
  }

  const TemporaryFolder folder_;
  LabelledImages images_;
};

TEST_F(EvaluationTest, ListsClassesByNameAndFilesByPath) {
  EXPECT_THAT(images_.classes, ElementsAre("a", "b"));
  EXPECT_THAT(images_.files,
              ElementsAre(EndsWith("a/1.png"), EndsWith("a/2.jpg"), EndsWith("b/1.png")));
  EXPECT_THAT(images_.labels, ElementsAre(0, 0, 1));
  const absl::Status status = ListClassFolders(folder_.path() + "/a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("one sub-folder a class"));
}

TEST_F(EvaluationTest, RowsAreAsAskedAndDenseAgreesWithItself) {
  const auto model = Model({"a", "b"});
  const EvaluationSubject subject{model, {model->ladder().dense(), 0, model->ladder().dense()}};
  const Evaluation evaluation = *Evaluate(std::span(&subject, 1), images_, nullptr, {}, nullptr);
  EXPECT_EQ(evaluation.images, 3U);
  ASSERT_EQ(evaluation.rows.size(), 3U);
  for (const size_t dense : {0, 2}) {
    EXPECT_NEAR(evaluation.rows[dense].fidelity, 1, 1e-6);
    EXPECT_EQ(evaluation.rows[dense].agreement, 1);
    EXPECT_EQ(evaluation.rows[dense].rung, model->ladder().dense());
  }
  EXPECT_EQ(evaluation.rows[1].rung, 0);
  EXPECT_LT(evaluation.rows[1].fidelity, 0.99);
  EXPECT_FALSE(evaluation.rows[1].knn.has_value());
}

// Of several orderings each gets what it gets alone.
TEST_F(EvaluationTest, OrderingsSideBySideAreAsEachAlone) {
  std::vector<EvaluationSubject> subjects;
  for (const uint64_t seed : {5, 6}) {
    const auto model = Model({"a", "b"}, seed);
    subjects.push_back({model, {1, model->ladder().dense(), 0}});
  }
  const Evaluation both = *Evaluate(subjects, images_, &images_, {}, nullptr);
  ASSERT_EQ(both.rows.size(), 6U);
  for (size_t i = 0; i < 6; ++i) {
    const size_t subject = i / 3;
    const Evaluation alone =
        *Evaluate(std::span(subjects).subspan(subject, 1), images_, &images_, {}, nullptr);
    const EvaluationRow& expected = alone.rows[i % 3];
    EXPECT_EQ(both.rows[i].subject, subject);
    EXPECT_EQ(both.rows[i].rung, expected.rung);
    EXPECT_NEAR(both.rows[i].fidelity, expected.fidelity, 1e-5);
    EXPECT_EQ(both.rows[i].top1, expected.top1);
    EXPECT_EQ(both.rows[i].knn, expected.knn);
    EXPECT_EQ(both.rows[i].agreement, expected.agreement);
  }
  EXPECT_NE(both.rows[2].fidelity, both.rows[5].fidelity) << "of different orderings";
}

TEST_F(EvaluationTest, FoldersAreClassesByNameElseByPosition) {
  const double straight = *Dense(Model({"a", "b"}), nullptr)->rows[0].top1;
  const double crossed = *Dense(Model({"b", "a"}), nullptr)->rows[0].top1;
  EXPECT_NEAR(straight + crossed, 1, 1e-9) << "of two classes, every image is right once";
  EXPECT_EQ(*Dense(Model({}), nullptr)->rows[0].top1, straight);
  EXPECT_EQ(*Dense(Model({"x", "y"}), nullptr)->rows[0].top1, straight);
  EXPECT_FALSE(Dense(Model({"a", "y"}), nullptr)->rows[0].top1.has_value())
      << "one name that fits and one that does not: the folders are another data set";
}

TEST_F(EvaluationTest, TheNearestNeighbourOfATrainingImageIsItself) {
  EXPECT_EQ(Dense(Model({}), &images_)->rows[0].knn, 1);
  LabelledImages wrong = images_;
  wrong.labels = {1, 1, 0};
  EXPECT_EQ(Dense(Model({}), &wrong)->rows[0].knn, 0);
}

TEST_F(EvaluationTest, ErrorsNameTheImageOrTheClasses) {
  LabelledImages other = images_;
  other.classes = {"a"};
  EXPECT_EQ(Dense(Model({}), &other).status().code(), absl::StatusCode::kInvalidArgument);
  images_.files[1] = folder_.Write("bad.jpg", "nonsense");
  const absl::Status status = Dense(Model({}), nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad.jpg"));
}

TEST_F(EvaluationTest, StopsWhenProgressSaysSo) {
  const auto stop = [](const ProgressUpdate&) { return false; };
  const EvaluationSubject subject{Model({}), {0}};
  EXPECT_EQ(Evaluate(std::span(&subject, 1), images_, nullptr, {}, stop).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace snapvit
