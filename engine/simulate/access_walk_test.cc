// Every operation of every service, asked by sessions of roles that may do nothing, everything, or
// that a policy denies everything.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <set>

#include "api/validate.h"
#include "cli/wiring.h"
#include "kernel/kernel.h"
#include "simulate/generator.h"

namespace kiban::simulate {
namespace {

constexpr Timestamp start{Duration{1'700'000'000'000}};
constexpr std::string_view trust =
    R"({"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"000000000000"}}})";

// What the codec makes of a streaming member.
void store_bytes(json::value& value, store::Blobs& blobs) {
  if (value.is_array())
    for (json::value& each : value.get_array()) store_bytes(each, blobs);
  if (!value.is_object()) return;
  if (const json::string* bytes = find_string(value.get_object(), "kiban:Bytes")) {
    const std::string text = to_string(*bytes);
    value = {{"Digest", blobs.put(text).value_or("")}, {"Size", text.size()}};
    return;
  }
  for (auto& member : value.get_object()) store_bytes(member.value(), blobs);
}

class AccessWalk : public testing::Test {
 protected:
  AccessWalk() {
    for (const char* role : {"nothing", "denied", "all"})
      call("iam", "CreateRole", {{"RoleName", role}, {"AssumeRolePolicyDocument", trust}});
    grant("denied", "Allow", "everything");
    grant("denied", "Deny", "nothing");
    grant("all", "Allow", "everything");
  }
  void grant(std::string_view role, std::string_view effect, std::string_view name) {
    call("iam", "PutRolePolicy",
         {{"RoleName", role},
          {"PolicyName", name},
          {"PolicyDocument",
           fmt::format(R"({{"Statement":{{"Effect":"{}","Action":"*","Resource":"*"}}}})",
                       effect)}});
  }
  void call(std::string service, const std::string& operation, json::object input) {
    const auto reply = kernel_.call(std::move(service), operation, std::move(input), start);
    ASSERT_TRUE(reply) << operation << ": " << reply.error().cause;
  }
  // A request that the model takes, as far as there is one to be found.
  json::object request(const api::Service& service, const api::Operation& operation) {
    constexpr int attempts_max = 50;
    json::object input;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
      input = generator_.make(random_, service, operation, start);
      if (api::validate(service, operation, input)) break;
    }
    json::value stored = std::move(input);
    store_bytes(stored, *blobs_);
    return stored.get_object();
  }
  Result<json::object> ask(std::string_view role, const api::Service& service,
                           const api::Operation& operation) {
    std::optional<Result<json::object>> answer;
    kernel_.submit(
        {.service = std::string(service.folder),
         .operation = std::string(operation.name),
         .input = request(service, operation),
         .caller = {.arn = fmt::format("arn:aws:sts::000000000000:assumed-role/{}/s", role)},
         .reply = [&](Result<json::object> reply) { answer = std::move(reply); }});
    EXPECT_TRUE(kernel_.run_batch(start, ++seed_));
    return answer ? *answer : Result<json::object>(json::object{});  // A long poll: it may wait.
  }
  static bool is_refusal(const Result<json::object>& reply) {
    return !reply && reply.error().cause.find("not authorized to perform") != std::string::npos;
  }

  std::unique_ptr<store::Store> store_{store::make_memory_store()};
  std::unique_ptr<store::Blobs> blobs_{store::make_memory_blobs()};
  kernel::Kernel kernel_{
      *store_, cli::make_services({}), {.iam = kernel::Iam::Enforce, .blobs = blobs_.get()}};
  Generator generator_{};
  Random random_{7};
  std::uint64_t seed_{0};
};

// GetCallerIdentity needs no permission. A token that was never given out belongs to no machine.
const std::set<std::string_view> undecided{"GetCallerIdentity", "SendTaskFailure",
                                           "SendTaskHeartbeat", "SendTaskSuccess"};

TEST_F(AccessWalk, WithoutPermissionEveryOperationIsRefused) {
  std::size_t walked = 0;
  for (const api::Service* service : api::services())
    for (const api::Operation& operation : service->operations) {
      ++walked;
      if (undecided.contains(operation.name)) continue;
      for (const char* role : {"nothing", "denied"}) {
        const auto reply = ask(role, *service, operation);
        EXPECT_TRUE(is_refusal(reply))
            << role << " " << service->folder << ":" << operation.name << " "
            << (reply ? print_json(*reply) : reply.error().name + ": " + reply.error().cause);
      }
    }
  EXPECT_GE(walked, 421U);
}

TEST_F(AccessWalk, WithPermissionNoneIsRefused) {
  for (const api::Service* service : api::services())
    for (const api::Operation& operation : service->operations) {
      if (operation.name == "AssumeRole") continue;  // Of a role that is not there.
      const auto reply = ask("all", *service, operation);
      EXPECT_FALSE(is_refusal(reply))
          << service->folder << ":" << operation.name << " " << (reply ? "" : reply.error().cause);
    }
}

}  // namespace
}  // namespace kiban::simulate
