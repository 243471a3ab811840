// For tests: all services on one kernel, and a spy that sees each call between them and can refuse
// it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "cli/wiring.h"
#include "kernel/kernel.h"
#include "services/base/service.h"
#include "simulate/forwarding.h"
#include "store/blobs.h"

namespace kiban::cli {

using namespace std::chrono_literals;
using services::AccessRequest;
using services::Caller;
using services::RoleRequest;

constexpr std::string_view account = "000000000000";
constexpr std::string_view region = "ap-northeast-1";
constexpr const char* role = "arn:aws:iam::000000000000:role/worker";

inline std::string arn(std::string_view service, std::string_view resource) {
  return fmt::format("arn:aws:{}:{}:{}:{}", service, region, account, resource);
}

struct Seen {
  std::string operation{};  // "sqs:SendMessage"
  Caller as{};
};

// What went from service to service, and what is refused.
struct Record {
  std::vector<Seen> calls{};
  std::vector<RoleRequest> roles{};
  std::vector<AccessRequest> requests{};
  std::set<std::string> refused{};  // Operations, actions and ARNs of roles.
};

inline Error refusal(const std::string& who, const std::string& action) {
  return {"AccessDenied", fmt::format("User: {} is not authorized to perform: {}", who, action)};
}

class SpyContext final : public simulate::ForwardingContext {
 public:
  SpyContext(services::Context& inner, Record& record)
      : ForwardingContext(inner), record_(record) {}

  Result<json::object> call(std::string_view service, std::string_view operation,
                            const json::object& input, const Caller& as) override {
    const std::string name = fmt::format("{}:{}", service, operation);
    record_.calls.push_back({name, as});
    if (record_.refused.contains(name)) {
      Error error = refusal(as.arn, name);
      if (service == "sns") error.name = "AuthorizationErrorException";
      if (service == "ecs" || service == "events") error.name = "AccessDeniedException";
      return std::unexpected(error);
    }
    return inner().call(service, operation, input, as);
  }
  Result<void> decide(const AccessRequest& request) override {
    record_.requests.push_back(request);
    if (record_.refused.contains(request.action))
      return std::unexpected(refusal(caller().arn, request.action));
    return inner().decide(request);
  }
  Result<Caller> assume(const RoleRequest& request) override {
    record_.roles.push_back(request);
    if (record_.refused.contains(request.role_arn))
      return std::unexpected(refusal(request.principal, "sts:AssumeRole"));
    return inner().assume(request);
  }

 private:
  Record& record_;
};

class Spy final : public simulate::ForwardingService {
 public:
  Spy(std::unique_ptr<services::Service> inner, Record& record)
      : ForwardingService(std::move(inner)), record_(record) {}

  Result<json::object> call(services::Context& context, std::string_view operation,
                            const json::object& input) override {
    SpyContext spy(context, record_);
    return inner().call(spy, operation, input);
  }
  void on_timer(services::Context& context, const json::object& payload) override {
    SpyContext spy(context, record_);
    inner().on_timer(spy, payload);
  }
  void on_outcome(services::Context& context, std::string_view kind, const json::object& payload,
                  const services::Outcome& outcome) override {
    SpyContext spy(context, record_);
    inner().on_outcome(spy, kind, payload, outcome);
  }
  void on_event(services::Context& context, const services::Event& event) override {
    SpyContext spy(context, record_);
    inner().on_event(spy, event);
  }

 private:
  Record& record_;
};

// Signs at once, and runs nothing.
class Sink final : public kernel::EffectSink {
 public:
  void perform(const services::Effect& effect) override {
    if (effect.kind == "sns.sign") signing.push_back(effect);
    if (effect.kind == "task.run") tasks.push_back(effect);
  }
  std::vector<services::Effect> signing{};
  std::vector<services::Effect> tasks{};
};

class Hops : public testing::Test {
 protected:
  Hops() {
    std::vector<std::unique_ptr<services::Service>> all;
    for (auto& service : make_services({}))
      all.push_back(std::make_unique<Spy>(std::move(service), record_));
    kernel_ = std::make_unique<kernel::Kernel>(
        *store_, std::move(all), kernel::Options{.blobs = blobs_.get(), .sink = &sink_});
  }
  Result<json::object> try_call(std::string service, std::string operation, json::object input) {
    return kernel_->call(std::move(service), std::move(operation), std::move(input), now_, ++seed_);
  }
  json::object call(std::string service, const std::string& operation, json::object input) {
    auto reply = try_call(std::move(service), operation, std::move(input));
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  void run(Duration time = 2s) { now_ = kernel_->run_until_idle(now_, now_ + time, ++seed_); }

  // The caller of the last call of the operation.
  Caller caller_of(std::string_view operation) const {
    for (auto one = record_.calls.rbegin(); one != record_.calls.rend(); ++one)
      if (one->operation == operation) return one->as;
    ADD_FAILURE() << "nobody called " << operation;
    return {};
  }
  std::string make_queue(const std::string& name) {
    call("sqs", "CreateQueue", {{"QueueName", name}});
    return arn("sqs", name);
  }
  std::string make_topic(const std::string& name) {
    return text(call("sns", "CreateTopic", {{"Name", name}}), "TopicArn");
  }
  json::array messages_in(const std::string& queue) {
    const json::object reply =
        call("sqs", "ReceiveMessage",
             {{"QueueUrl", fmt::format("http://127.0.0.1:4566/{}/{}", account, queue)},
              {"MaxNumberOfMessages", 10},
              {"MessageAttributeNames", {"All"}}});
    const json::array* found = find_array(reply, "Messages");
    return found ? *found : json::array{};
  }
  std::string make_machine(const std::string& name, const json::value& state) {
    json::object task = state.as_object();
    task["Type"] = "Task";
    task["End"] = true;
    const json::object definition{{"StartAt", "T"}, {"States", {{"T", task}}}};
    return text(call("states", "CreateStateMachine",
                     {{"name", name}, {"definition", print_json(definition)}, {"roleArn", role}}),
                "stateMachineArn");
  }
  // Error and cause of the machine's one execution.
  json::object run_machine(const std::string& machine) {
    const std::string execution =
        text(call("states", "StartExecution", {{"stateMachineArn", machine}, {"name", "e"}}),
             "executionArn");
    run();
    return call("states", "DescribeExecution", {{"executionArn", execution}});
  }

  Record record_{};
  Sink sink_{};
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<store::Blobs> blobs_ = store::make_memory_blobs();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

inline json::object publish_task() {
  return {{"Resource", "arn:aws:states:::sns:publish"},
          {"Parameters", {{"TopicArn", arn("sns", "news")}, {"Message", "hello"}}}};
}

}  // namespace kiban::cli
