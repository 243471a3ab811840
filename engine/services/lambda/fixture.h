// For tests: a kernel with Lambda and the services around it, and a host that answers at once.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>

#include "api/codec.h"
#include "core/zip.h"
#include "services/cloudwatch/service.h"
#include "services/ecr/service.h"
#include "services/events/service.h"
#include "services/iam/service.h"
#include "services/kms/service.h"
#include "services/lambda/host.h"
#include "services/lambda/service.h"
#include "services/logs/service.h"
#include "services/s3/service.h"
#include "services/scheduler/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"
#include "services/states/service.h"
#include "services/sts/service.h"
#include "store/blobs.h"
#include "testing/service_fixture.h"

namespace kiban::services::lambda {

using namespace std::chrono_literals;

constexpr std::string_view function_role = "arn:aws:iam::000000000000:role/function";
constexpr std::string_view account_arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:";

inline std::string zip_of(const std::string& code) {
  return api::encode_base64(make_zip({{"app.py", code}}));
}

class LambdaTest : public ServiceTest {
 protected:
  // What the host answers an invocation: the outcome.
  using Host = std::function<json::object(const json::object& payload)>;

  LambdaTest()
      : ServiceTest(
            "lambda",
            {make_lambda, cloudwatch::make_cloudwatch, ecr::make_ecr, events::make_events,
             iam::make_iam, kms::make_kms, logs::make_logs, s3::make_s3, scheduler::make_scheduler,
             sns::make_sns, sqs::make_sqs, [] { return states::make_states({}); }, sts::make_sts},
            {.blobs = blobs().get()}) {
    call("iam", "CreateRole",
         {{"RoleName", "function"},
          {"AssumeRolePolicyDocument",
           R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
           R"("Principal":{"Service":"lambda.amazonaws.com"}}]})"}});
  }
  // Outlives the kernel, which the base class holds.
  static std::unique_ptr<store::Blobs>& blobs() {
    static std::unique_ptr<store::Blobs> all = store::make_memory_blobs();
    return all;
  }

  json::object create(const std::string& name, json::object more = {}) {
    json::object input{{"FunctionName", name},
                       {"Runtime", "python3.12"},
                       {"Handler", "app.handler"},
                       {"Role", function_role},
                       {"Code", {{"ZipFile", zip_of("def handler(e, c): return e")}}}};
    for (auto& member : more) input[member.key()] = member.value();
    return call("CreateFunction", std::move(input));
  }
  static json::object returns(std::string_view payload) {
    return {{"Payload", payload}, {"DurationMs", 5}, {"LogTail", "END"}};
  }
  static json::object throws(std::string_view type, std::string_view message) {
    return {{"Payload", print_json(json::object{{"errorMessage", message}, {"errorType", type}})},
            {"FunctionError", "Unhandled"},
            {"DurationMs", 5}};
  }
  std::vector<Effect> pending() {
    std::vector<Effect> all = kernel_->pending_effects();
    std::erase_if(all, [](const Effect& effect) { return effect.kind != invoke_effect; });
    return all;
  }
  void report(const Effect& effect, json::object outcome, bool final = true) {
    kernel_->outcome("lambda", {.id = effect.id, .final = final, .payload = std::move(outcome)});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  }
  // Answers all invocations that wait, and those that follow at this time. Their number.
  int serve(const Host& host) {
    int served = 0;
    for (auto waiting = pending(); !waiting.empty(); waiting = pending()) {
      for (const Effect& effect : waiting) {
        ++served;
        report(effect, host(effect.payload));
      }
    }
    return served;
  }
  // Invoke over the wire, with the host's answer.
  Result<json::object> invoke(json::object input, const Host& host) {
    std::optional<Result<json::object>> reply;
    kernel_->submit({.service = "lambda",
                     .operation = "Invoke",
                     .input = std::move(input),
                     .caller = kernel_->root(),
                     .reply = [&](Result<json::object> got) { reply = std::move(got); }});
    EXPECT_TRUE(kernel_->run_batch(now_, ++seed_));
    serve(host);
    for (int i = 0; i < 3 && !reply; ++i) EXPECT_TRUE(kernel_->run_batch(now_, ++seed_));
    return reply.value_or(fail("NoReply", "it still waits"));
  }
  static std::string payload_of(const Result<json::object>& reply) {
    if (!reply) return reply.error().name + ": " + reply.error().cause;
    return *api::decode_base64(text(*reply, "Payload"));
  }
  void run_for(Duration duration) {
    kernel_->run_until_idle(now_, now_ + duration, ++seed_);
    now_ += duration;
  }
  std::string queue(const std::string& name) {
    return text(call("sqs", "CreateQueue", {{"QueueName", name}}), "QueueUrl");
  }
  std::vector<std::string> bodies(const std::string& url) {
    const json::object reply =
        call("sqs", "ReceiveMessage",
             {{"QueueUrl", url}, {"MaxNumberOfMessages", 10}, {"MessageAttributeNames", {"All"}}});
    std::vector<std::string> out;
    if (const json::array* messages = find_array(reply, "Messages"))
      for (const json::value& message : *messages) out.push_back(text(message.as_object(), "Body"));
    return out;
  }
};

}  // namespace kiban::services::lambda
