// Services for the tests of deployments: each answers what the script says, or else what AWS's
// model says a reply looks like. The kernel checks every request against the model.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/model.h"
#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/cloudformation/service.h"

namespace kiban::services::cloudformation {

struct Call {
  std::string service{};
  std::string operation{};
  json::object input{};
  std::string caller{};
};

struct Script {
  using Answer = std::function<Result<json::object>(Context&, const json::object&)>;
  std::map<std::string, Answer> answers{};  // By "service:Operation".
  std::vector<Call> calls{};
  std::vector<std::string> unknown{};  // Operations that no model of ours lists.
  int made{0};

  std::vector<std::string> operations() const {
    std::vector<std::string> out;
    for (const Call& call : calls) out.push_back(call.service + ":" + call.operation);
    return out;
  }
};

inline json::value reply_by_model(const api::Service& model, const api::Shape& shape,
                                  const std::string& name, Script& script, int depth = 0) {
  switch (shape.kind) {
    case api::Kind::Structure: {
      json::object out;
      for (const api::Member& member : model.members_of(shape)) {
        if (depth > 5) break;
        out.emplace(member.name, reply_by_model(model, model.shape(member),
                                                std::string(member.name), script, depth + 1));
      }
      return out;
    }
    case api::Kind::List:
      return json::array{
          reply_by_model(model, model.shape(model.members_of(shape)[0]), name, script, depth + 1)};
    case api::Kind::Map:
      return json::object{};
    case api::Kind::Boolean:
      return false;
    case api::Kind::Integer:
    case api::Kind::Long:
      return 1;
    case api::Kind::Float:
    case api::Kind::Double:
    case api::Kind::Timestamp:
      return 1.0;
    case api::Kind::String:
    case api::Kind::Blob:
      break;
  }
  if (shape.value_count > 0) return json::string(model.values_of(shape)[0]);
  // With separators, for templates that take names apart.
  return json::string(
      fmt::format("arn:aws:x:ap-northeast-1:000000000000:{}/a/{}/z", name, ++script.made));
}

class Fake final : public Service {
 public:
  Fake(std::string name, Script& script) : name_(std::move(name)), script_(script) {}
  std::string_view name() const override { return name_; }
  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    script_.calls.push_back({.service = name_,
                             .operation = std::string(operation),
                             .input = input,
                             .caller = context.caller().arn});
    const std::string key = name_ + ":" + std::string(operation);
    if (const auto answer = script_.answers.find(key); answer != script_.answers.end()) {
      return answer->second(context, input);
    }
    const api::Service* model = api::find_service(name_);
    const api::Operation* known = model ? model->operation(operation) : nullptr;
    if (!known) {
      script_.unknown.push_back(key);
      return json::object{};
    }
    if (known->output == api::no_shape) return json::object{};
    return std::move(
        reply_by_model(*model, model->shape(known->output), "reply", script_).as_object());
  }

 private:
  std::string name_;
  Script& script_;
};

// A kernel of CloudFormation and nothing else real.
class World {
 public:
  explicit World(Options options = {})
      : options_(std::move(options)), store_(store::make_memory_store()) {
    start();
    script.answers["ssm:GetParameter"] = [](Context&, const json::object&) -> Result<json::object> {
      return json::object{{"Parameter", {{"Value", "33"}}}};
    };
  }

  // As after a kill: what was durable is there, nothing else.
  void start() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_cloudformation_with(options_));
    for (const char* name : {"applicationautoscaling", "cloudwatch", "ec2", "ecr", "ecs", "elbv2",
                             "events", "iam", "kms", "lambda", "logs", "rds", "s3", "scheduler",
                             "secretsmanager", "sns", "sqs", "ssm", "states"}) {
      services.push_back(std::make_unique<Fake>(name, script));
    }
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
  }

  Result<json::object> call(std::string operation, json::object input) {
    return kernel_->call("cloudformation", std::move(operation), std::move(input), now, ++seed_);
  }
  // An operation of another service.
  Result<json::object> call_other(std::string service, std::string operation) {
    return kernel_->call(std::move(service), std::move(operation), {}, now, ++seed_);
  }
  // Lets `span` pass, timers included.
  void pass(Duration span) {
    const Timestamp until = now + span;
    kernel_->run_until_idle(now, until, ++seed_);
    now = until;
  }
  json::object stack(const std::string& name) {
    const auto reply = call("DescribeStacks", {{"StackName", name}});
    return reply ? reply->at("Stacks").at(0).as_object()
                 : json::object{{"StackStatus", reply.error().cause}};
  }
  std::string status(const std::string& name) { return text(stack(name), "StackStatus"); }
  // "LogicalId STATUS", oldest first; the stack's own by its name.
  std::vector<std::string> events(const std::string& name) {
    std::vector<std::string> out;
    const auto reply = call("DescribeStackEvents", {{"StackName", name}});
    if (!reply) return {reply.error().cause};
    for (const json::value& event : reply->at("StackEvents").as_array()) {
      out.insert(out.begin(), text(event.as_object(), "LogicalResourceId") + " " +
                                  text(event.as_object(), "ResourceStatus"));
    }
    return out;
  }
  // Every event that tells of a failure.
  std::string failures(const std::string& name) {
    std::string out = status(name) + "\n";
    const auto reply = call("DescribeStackEvents", {{"StackName", name}});
    for (const json::value& event : reply ? reply->at("StackEvents").as_array() : json::array{}) {
      const json::object& one = event.as_object();
      if (!text(one, "ResourceStatus").ends_with("_FAILED")) continue;
      out += text(one, "LogicalResourceId") + ": " + text(one, "ResourceStatusReason") + "\n";
    }
    return out;
  }
  std::string reason(const std::string& stack_name, const std::string& id,
                     const std::string& with_status) {
    const auto reply = call("DescribeStackEvents", {{"StackName", stack_name}});
    for (const json::value& event : reply ? reply->at("StackEvents").as_array() : json::array{}) {
      const json::object& one = event.as_object();
      if (text(one, "LogicalResourceId") == id && text(one, "ResourceStatus") == with_status) {
        return text(one, "ResourceStatusReason");
      }
    }
    return "no such event";
  }

  Script script{};
  Timestamp now{std::chrono::milliseconds(1'700'000'000'000)};

 private:
  Options options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<kernel::Kernel> kernel_;
  std::uint64_t seed_{0};
};

}  // namespace kiban::services::cloudformation
