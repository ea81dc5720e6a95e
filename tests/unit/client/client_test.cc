#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/channel.h"
#include "client/rpc_error.h"
#include "tests/unit/client/fake_server.h"

namespace snapvit::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    options_.target = server_.target();
    options_.time.sleep = [this](absl::Duration wait) {
      absl::MutexLock lock(&mutex_);
      sleeps_.push_back(wait);
    };
    server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest& request,
                       v1::EmbedResponse& response) {
      EchoNumbers(request, response);
      return grpc::Status::OK;
    };
  }

  // Images whose bytes spell 0, 1, 2, …
  std::vector<ImageInput> Numbers(int count) {
    std::vector<ImageInput> images;
    texts_.reserve(count);
    for (int i = 0; i < count; ++i) {
      texts_.push_back(std::to_string(i));
      images.push_back(EncodedImage{texts_.back()});
    }
    return images;
  }

  std::unique_ptr<Client> MakeClient() { return Client::Create(options_).value(); }

  std::vector<absl::Duration> sleeps() {
    absl::MutexLock lock(&mutex_);
    return sleeps_;
  }

  FakeServer server_;
  ClientOptions options_;
  std::vector<std::string> texts_;
  absl::Mutex mutex_;
  std::vector<absl::Duration> sleeps_;
};

TEST_F(ClientTest, ResultsComeInTheOrderOfTheImages) {
  options_.request.images = 3;
  const auto results = MakeClient()->Embed(Numbers(50), {});
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 50u);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE((*results)[i].embedding.ok());
    EXPECT_THAT((*results)[i].embedding->values, ElementsAre(static_cast<float>(i)));
  }
}

TEST_F(ClientTest, EveryRequestCarriesTheTraceItIsGiven) {
  std::vector<std::string> traces;
  server_.embed = [&](grpc::ServerContext& context, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    EchoNumbers(request, response);
    absl::MutexLock lock(&mutex_);
    const auto [first, last] = context.client_metadata().equal_range("traceparent");
    for (auto it = first; it != last; ++it) {
      traces.emplace_back(it->second.data(), it->second.size());
    }
    return grpc::Status::OK;
  };
  options_.request.images = 2;
  const auto client = MakeClient();
  const std::vector<ImageInput> images = Numbers(4);
  EmbedOptions embed;
  ASSERT_TRUE(client->Embed(images, embed).ok());
  EXPECT_THAT(traces, IsEmpty());
  embed.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  ASSERT_TRUE(client->Embed(images, embed).ok());
  EXPECT_THAT(traces, ElementsAre(embed.traceparent, embed.traceparent));
  embed.traceparent = "not\nsendable";
  EXPECT_THAT(client->Embed(images, embed).status().message(), HasSubstr("traceparent"));
}

TEST_F(ClientTest, RequestsStayWithinTheLimits) {
  std::vector<int> sizes;
  server_.embed = [&](grpc::ServerContext&, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    EchoNumbers(request, response);
    absl::MutexLock lock(&mutex_);
    sizes.push_back(request.images_size());
    return grpc::Status::OK;
  };
  options_.request.images = 4;
  ASSERT_TRUE(MakeClient()->Embed(Numbers(10), {}).ok());
  EXPECT_EQ(sizes.size(), 3u);
  EXPECT_THAT(sizes, Each(Le(4)));
}

TEST_F(ClientTest, SendsModelBudgetOutputAndKey) {
  v1::EmbedRequest seen;
  std::string authorization;
  server_.embed = [&](grpc::ServerContext& context, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    seen = request;
    const auto entry = context.client_metadata().find("authorization");
    if (entry != context.client_metadata().end()) {
      authorization = std::string(entry->second.data(), entry->second.size());
    }
    EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  options_.api_key = "s3cret";
  EmbedOptions options;
  options.model = "demo";
  options.budget.set_compute(0.5);
  options.output.set_normalize(true);
  const auto results = MakeClient()->Embed(Numbers(1), options);
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(seen.model(), "demo");
  EXPECT_EQ(seen.budget().compute(), 0.5);
  EXPECT_TRUE(seen.output().normalize());
  EXPECT_EQ(authorization, "Bearer s3cret");
  EXPECT_EQ(results->front().receipt->served_compute, 0.5);
}

TEST_F(ClientTest, SendsTensorsAndPixels) {
  v1::EmbedRequest seen;
  server_.embed = [&](grpc::ServerContext&, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    seen = request;
    response.add_items();
    response.add_items();
    return grpc::Status::OK;
  };
  const std::vector<float> values(3 * 2 * 4, 0.5f);
  const std::vector<uint8_t> rgb(3 * 1 * 2, 7);
  const std::vector<ImageInput> images = {InputTensor{2, 4, values}, RgbImage{1, 2, rgb}};
  ASSERT_TRUE(MakeClient()->Embed(images, {}).ok());
  EXPECT_THAT(seen.images(0).tensor().shape(), ElementsAre(3, 2, 4));
  EXPECT_EQ(seen.images(0).tensor().dtype(), v1::DTYPE_FP32);
  EXPECT_EQ(seen.images(0).tensor().data().size(), values.size() * sizeof(float));
  EXPECT_EQ(seen.images(1).pixels().width(), 2u);
  EXPECT_EQ(seen.images(1).pixels().rgb(), std::string(6, '\x07'));
}

TEST_F(ClientTest, FaultOfAnImageIsItsOwnAndTheOthersAreAnswered) {
  server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest& request,
                     v1::EmbedResponse& response) {
    EchoNumbers(request, response);
    *response.mutable_items(1)->mutable_error() =
        MakeError(grpc::INVALID_ARGUMENT, "image 1: truncated JPEG", "INVALID_ARGUMENT");
    return grpc::Status::OK;
  };
  const auto results = MakeClient()->Embed(Numbers(3), {});
  ASSERT_TRUE(results.ok());
  EXPECT_TRUE((*results)[0].embedding.ok());
  EXPECT_EQ((*results)[1].embedding.status().message(), "image 1: truncated JPEG");
  EXPECT_TRUE((*results)[2].embedding.ok());
}

TEST_F(ClientTest, ImageOfTheWrongSizeIsNotSent) {
  const std::vector<float> values(5);
  std::vector<ImageInput> images = Numbers(1);
  images.push_back(InputTensor{2, 2, values});
  const auto results = MakeClient()->Embed(images, {});
  ASSERT_TRUE(results.ok());
  EXPECT_TRUE((*results)[0].embedding.ok());
  EXPECT_THAT(std::string((*results)[1].embedding.status().message()),
              HasSubstr("5 elements, expected 12"));
}

TEST_F(ClientTest, ImageBeyondTheMessageLimitIsNotSent) {
  options_.max_message_bytes = 100'000;
  std::vector<ImageInput> images = Numbers(1);
  const std::string large(100'000, 'x');
  images.push_back(EncodedImage{large});
  const auto results = MakeClient()->Embed(images, {});
  ASSERT_TRUE(results.ok());
  EXPECT_TRUE((*results)[0].embedding.ok());
  EXPECT_TRUE(absl::IsResourceExhausted((*results)[1].embedding.status()));
}

TEST_F(ClientTest, RequestsFitIntoMessages) {
  options_.max_message_bytes = 300'000;
  const std::string image = "7" + std::string(100'000, ' ');
  const std::vector<ImageInput> images(5, EncodedImage{image});
  const auto results = MakeClient()->Embed(images, {});
  ASSERT_TRUE(results.ok()) << results.status();
  for (const EmbedResult& result : *results) {
    EXPECT_TRUE(result.embedding.ok()) << result.embedding.status();
  }
}

TEST_F(ClientTest, RetriesAfterThePushbackOfTheServer) {
  std::atomic<int> calls = 0;
  server_.embed = [&](grpc::ServerContext& context, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    if (++calls == 1) {
      context.AddTrailingMetadata("grpc-retry-pushback-ms", "250");
      return MakeGrpcError(grpc::RESOURCE_EXHAUSTED, "the queue is full", "QUEUE_FULL", 0);
    }
    EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  EXPECT_TRUE(MakeClient()->Embed(Numbers(1), {}).ok());
  EXPECT_THAT(sleeps(), ElementsAre(absl::Milliseconds(250)));
}

TEST_F(ClientTest, NegativePushbackIsTheEnd) {
  server_.embed = [](grpc::ServerContext& context, const v1::EmbedRequest&, v1::EmbedResponse&) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms", "-1");
    return MakeGrpcError(grpc::RESOURCE_EXHAUSTED, "too large", "TOO_LARGE");
  };
  const auto results = MakeClient()->Embed(Numbers(1), {});
  EXPECT_TRUE(absl::IsResourceExhausted(results.status()));
  EXPECT_EQ(ErrorReason(results.status()), "TOO_LARGE");
  EXPECT_THAT(sleeps(), IsEmpty());
}

TEST_F(ClientTest, FaultThatAllRequestsShareIsSentOnce) {
  std::atomic<int> calls = 0;
  server_.embed = [&](grpc::ServerContext&, const v1::EmbedRequest&, v1::EmbedResponse&) {
    ++calls;
    return MakeGrpcError(grpc::NOT_FOUND, "no model 'x'", "NOT_FOUND");
  };
  options_.request.images = 1;
  options_.max_requests_in_flight = 1;
  const auto results = MakeClient()->Embed(Numbers(20), {});
  EXPECT_TRUE(absl::IsNotFound(results.status()));
  EXPECT_EQ(calls, 1);
}

TEST_F(ClientTest, FaultOfOneRequestFailsItsImagesOnly) {
  server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest& request,
                     v1::EmbedResponse& response) {
    if (request.images(0).encoded() == "2") return grpc::Status(grpc::INTERNAL, "batch failed");
    EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  options_.request.images = 2;
  const auto results = MakeClient()->Embed(Numbers(6), {});
  ASSERT_TRUE(results.ok());
  std::vector<bool> answered;
  for (const EmbedResult& result : *results) answered.push_back(result.embedding.ok());
  EXPECT_THAT(answered, ElementsAre(true, true, false, false, true, true));
}

TEST_F(ClientTest, FaultThatIsAboutOneRequestDoesNotEndTheCall) {
  options_.request.images = 1;
  options_.max_requests_in_flight = 1;
  for (const auto code : {grpc::CANCELLED, grpc::DEADLINE_EXCEEDED, grpc::ABORTED}) {
    server_.embed = [code](grpc::ServerContext&, const v1::EmbedRequest& request,
                           v1::EmbedResponse& response) {
      if (request.images(0).encoded() == "0") return grpc::Status(code, "not this one");
      EchoNumbers(request, response);
      return grpc::Status::OK;
    };
    const auto results = MakeClient()->Embed(Numbers(3), {});
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_EQ(static_cast<int>((*results)[0].embedding.status().code()), static_cast<int>(code));
    EXPECT_TRUE((*results)[1].embedding.ok()) << (*results)[1].embedding.status();
    EXPECT_TRUE((*results)[2].embedding.ok()) << (*results)[2].embedding.status();
  }
}

TEST_F(ClientTest, ReplyWithTheWrongNumberOfItemsIsAnError) {
  server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest&, v1::EmbedResponse& response) {
    response.add_items();
    return grpc::Status::OK;
  };
  EXPECT_TRUE(absl::IsInternal(MakeClient()->Embed(Numbers(2), {}).status()));
}

TEST_F(ClientTest, CallEndsAtItsTimeout) {
  server_.embed = [](grpc::ServerContext& context, const v1::EmbedRequest&, v1::EmbedResponse&) {
    while (!context.IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  EmbedOptions options;
  options.timeout = absl::Milliseconds(30);
  EXPECT_TRUE(absl::IsDeadlineExceeded(MakeClient()->Embed(Numbers(1), options).status()));
}

TEST_F(ClientTest, TimeoutBeyondWhatTheClockCountsIsNone) {
  constexpr absl::Duration kYear = absl::Hours(24 * 365);
  EmbedOptions options;
  for (const absl::Duration timeout : {580 * kYear, 400'000 * kYear, absl::InfiniteDuration()}) {
    grpc::ClientContext context;
    PrepareContext(options_, timeout, context);
    EXPECT_EQ(context.deadline(), std::chrono::system_clock::time_point::max()) << timeout;
    options.timeout = timeout;
    const auto results = MakeClient()->Embed(Numbers(1), options);
    EXPECT_TRUE(results.ok()) << results.status();
  }
  grpc::ClientContext context;
  PrepareContext(options_, kYear, context);
  EXPECT_LT(context.deadline(), std::chrono::system_clock::time_point::max());
}

TEST_F(ClientTest, UnreachableServerIsUnavailableAfterTheLastAttempt) {
  {
    FakeServer gone;
    options_.target = gone.target();
  }
  options_.retry.max_attempts = 3;
  EXPECT_TRUE(absl::IsUnavailable(MakeClient()->Embed(Numbers(40), {}).status()));
  EXPECT_FALSE(sleeps().empty());
}

TEST_F(ClientTest, ReportsProgress) {
  EmbedOptions options;
  std::vector<size_t> done;
  options.on_progress = [&](size_t images) { done.push_back(images); };
  options_.request.images = 4;
  ASSERT_TRUE(MakeClient()->Embed(Numbers(8), options).ok());
  EXPECT_THAT(done, ElementsAre(4, 8));
}

TEST_F(ClientTest, NoImagesGiveNoResultsAndNoCall) {
  server_.embed = nullptr;
  const auto results = MakeClient()->Embed({}, {});
  ASSERT_TRUE(results.ok());
  EXPECT_THAT(*results, IsEmpty());
}

TEST_F(ClientTest, ClassifiesWithTopKAndActivation) {
  v1::ClassifyRequest seen;
  server_.classify = [&](grpc::ServerContext&, const v1::ClassifyRequest& request,
                         v1::ClassifyResponse& response) {
    seen = request;
    v1::Label& label = *response.add_items()->mutable_labels()->add_labels();
    label.set_index(3);
    label.set_label("cat");
    label.set_score(0.75);
    return grpc::Status::OK;
  };
  ClassifyOptions options;
  options.top_k = 1;
  options.activation = v1::ACTIVATION_NONE;
  const auto results = MakeClient()->Classify(Numbers(1), options);
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(seen.top_k(), 1u);
  EXPECT_EQ(seen.activation(), v1::ACTIVATION_NONE);
  const Label& label = results->front().labels->front();
  EXPECT_EQ(label.index, 3u);
  EXPECT_EQ(label.label, "cat");
  EXPECT_EQ(label.score, 0.75f);
}

TEST_F(ClientTest, CallsMayRunAtTheSameTime) {
  options_.request.images = 2;
  const auto client = MakeClient();
  const std::vector<ImageInput> images = Numbers(20);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto results = client->Embed(images, {});
      if (results.ok() && results->back().embedding->values.front() == 19) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
}

TEST_F(ClientTest, GetModelAndHealth) {
  server_.get_model = [](const v1::GetModelRequest& request, v1::ModelInfo& response) {
    response.set_name(request.model());
    return grpc::Status::OK;
  };
  const auto client = MakeClient();
  EXPECT_EQ(client->GetModel("demo", absl::Seconds(10))->name(), "demo");
  EXPECT_EQ(client->Check("", absl::Seconds(10)).value(), Health::kServing);
  EXPECT_EQ(client->Check("stopped", absl::Seconds(10)).value(), Health::kNotServing);
  EXPECT_TRUE(absl::IsNotFound(client->Check("unheard of", absl::Seconds(10)).status()));
}

TEST_F(ClientTest, OptionsThatCannotWorkAreNamed) {
  const auto message = [](const ClientOptions& options) {
    return std::string(Client::Create(options).status().message());
  };
  ClientOptions options;
  EXPECT_THAT(message(options), HasSubstr("target"));
  options.target = "localhost:1";
  options.api_key = "line\nbreak";
  EXPECT_THAT(message(options), HasSubstr("api_key"));
  EXPECT_THAT(message(options), Not(HasSubstr("break")));
  options.api_key.clear();
  options.tls.emplace().certificate_chain = "PEM";
  EXPECT_THAT(message(options), HasSubstr("tls.private_key"));
}

}  // namespace
}  // namespace snapvit::client
