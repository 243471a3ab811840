// For tests: a kernel with Step Functions and the services that its machines call, in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/cloudwatch/service.h"
#include "services/ecs/service.h"
#include "services/logs/service.h"
#include "services/s3/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"
#include "services/states/item_reading.h"
#include "services/states/service.h"
#include "store/blobs.h"

namespace kiban::services::states {

using namespace std::chrono_literals;

constexpr const char* role = "arn:aws:iam::000000000000:role/machine";

// Reads items at once, as the server's worker does (cli/items_performer.h).
class ItemsSink final : public kernel::EffectSink {
 public:
  ItemsSink(std::unique_ptr<kernel::Kernel>& kernel, store::Blobs& blobs)
      : kernel_(kernel), blobs_(blobs) {}
  void perform(const Effect& effect) override {
    if (effect.kind != items_effect) return;
    ++performed;
    auto pieces = ItemPieces::read([&](std::string_view digest) { return blobs_.read(digest); },
                                   effect.payload);
    if (!pieces)
      return kernel_->outcome("states",
                              {.id = effect.id, .payload = reading_failed(pieces.error())});
    for (std::size_t told = 0; told < pieces_max; ++told) {
      auto piece = pieces->next();
      if (!piece) return;
      const bool final = flag(*piece, "Last", true);
      kernel_->outcome("states", {.id = effect.id, .final = final, .payload = *std::move(piece)});
    }
  }

  int performed{0};
  std::size_t pieces_max{SIZE_MAX};  // After so many the performer dies.

 private:
  std::unique_ptr<kernel::Kernel>& kernel_;
  store::Blobs& blobs_;
};

class States : public testing::Test {
 protected:
  States() { restart(); }
  void restart() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(cloudwatch::make_cloudwatch());
    services.push_back(ecs::make_ecs());
    services.push_back(logs::make_logs());
    services.push_back(s3::make_s3());
    services.push_back(sns::make_sns());
    services.push_back(sqs::make_sqs());
    services.push_back(make_states({.throttle = throttle_, .retention = retention_}));
    kernel_ = std::make_unique<kernel::Kernel>(
        *store_, std::move(services), kernel::Options{.blobs = blobs_.get(), .sink = &sink_});
  }
  Result<json::object> try_call(std::string service, std::string operation, json::object input) {
    return kernel_->call(std::move(service), std::move(operation), std::move(input), now_, ++seed_);
  }
  json::object call(std::string service, const std::string& operation, json::object input) {
    auto reply = try_call(std::move(service), operation, std::move(input));
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  std::string make(const std::string& name, const std::string& definition, json::object more = {}) {
    more["name"] = name;
    more["definition"] = definition;
    more["roleArn"] = role;
    return text(call("states", "CreateStateMachine", std::move(more)), "stateMachineArn");
  }
  std::string start(const std::string& machine, std::string input = "{}") {
    return text(call("states", "StartExecution",
                     {{"stateMachineArn", machine}, {"input", std::move(input)}}),
                "executionArn");
  }
  json::object describe(const std::string& execution) {
    return call("states", "DescribeExecution", {{"executionArn", execution}});
  }
  std::string types(const std::string& execution) {
    std::string all;
    const auto history =
        call("states", "GetExecutionHistory", {{"executionArn", execution}, {"maxResults", 1000}});
    for (const json::value& event : history.at("events").as_array())
      all += (all.empty() ? "" : " ") + text(event.as_object(), "type");
    return all;
  }

  Throttle throttle_{Throttle::Nested};
  std::optional<Duration> retention_{};
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<store::Blobs> blobs_ = store::make_memory_blobs();
  std::unique_ptr<kernel::Kernel> kernel_{};
  ItemsSink sink_{kernel_, *blobs_};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

}  // namespace kiban::services::states
