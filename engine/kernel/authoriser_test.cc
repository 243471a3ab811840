// Decisions by the policies of roles and resources, through a kernel whose only services are a
// keeper of roles and one that has resources.
#include "kernel/authoriser.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/kernel.h"

namespace kiban::kernel {
namespace {

using services::Caller;
using services::Context;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Timestamp start{Duration{1'700'000'000'000}};
const std::string role_arn = "arn:aws:iam::000000000000:role/path/app";
const std::string session_arn = "arn:aws:sts::000000000000:assumed-role/app/s";
const std::string queue_arn = "arn:aws:sqs:ap-northeast-1:000000000000:q";

std::string statement(std::string_view effect, std::string_view action, std::string_view rest) {
  return fmt::format(R"({{"Statement":{{"Effect":"{}","Action":"{}",{}}}}})", effect, action, rest);
}
std::string identity(std::string_view effect, std::string_view action,
                     std::string_view resource = "*") {
  return statement(effect, action, fmt::format(R"("Resource":"{}")", resource));
}

class Roles final : public services::Service {
 public:
  std::string_view name() const override { return "iam"; }
  Result<json::object> call(Context& context, std::string_view, const json::object&) override {
    context.put("iam/changed", "{}");
    return json::object{};
  }
  bool keeps_policies() const override { return true; }
  std::optional<services::RolePolicies> policies_of(const Context&,
                                                    std::string_view name) override {
    ++asked;
    if (name != "app") return std::nullopt;
    return role;
  }
  services::RolePolicies role{.arn = role_arn};
  int asked{0};
};

class Queues final : public services::Service {
 public:
  std::string_view name() const override { return "sqs"; }
  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object&) override {
    if (operation != "kiban:SendToMany") return json::object{};
    for (int i = 0; i < 100; ++i)
      KIBAN_TRY_VOID(context.authorise("sqs:SendMessage", queue_arn + std::to_string(i)));
    return json::object{};
  }
  services::ResourceAccess describe_resource(const Context&, std::string_view arn) override {
    return {.arn = std::string(arn), .policy = policy, .tags = {{"Stage", "dev"}}};
  }
  std::string policy{};
};

class AuthoriserTest : public testing::Test {
 protected:
  AuthoriserTest() { restart(); }
  void restart() {
    kernel_.reset();
    auto roles = std::make_unique<Roles>();
    auto queues = std::make_unique<Queues>();
    roles_ = roles.get();
    queues_ = queues.get();
    std::vector<std::unique_ptr<services::Service>> all;
    all.push_back(std::move(roles));
    all.push_back(std::move(queues));
    kernel_ = std::make_unique<Kernel>(*store_, std::move(all), options_);
  }
  void allow(std::string document) {
    roles_->role.identity.push_back(
        {.name = role_arn + "/policy/p", .document = std::move(document)});
    forget();
  }
  // A write of the keeper of roles makes the kernel ask it again.
  void forget() { (void)call({.arn = "arn:aws:iam::000000000000:root"}, "iam", "Touch", {}); }
  Error call(const Caller& caller, std::string service = "sqs",
             std::string operation = "SendMessage",
             json::object input = {{"QueueUrl", "http://h/000000000000/q"}}) {
    Error error{};
    kernel_->submit({.service = std::move(service),
                     .operation = std::move(operation),
                     .input = std::move(input),
                     .caller = caller,
                     .reply = [&](const Result<json::object>& reply) {
                       if (!reply) error = reply.error();
                     }});
    EXPECT_TRUE(kernel_->run_batch(start, ++seed_));
    return error;
  }
  const DecisionRecord& last() const { return kernel_->recent_decisions().back(); }

  Options options_{.iam = Iam::Enforce};
  std::unique_ptr<store::Store> store_{store::make_memory_store()};
  std::unique_ptr<Kernel> kernel_{};
  Roles* roles_{nullptr};
  Queues* queues_{nullptr};
  std::uint64_t seed_{0};
  const Caller session_{.arn = session_arn};
};

TEST_F(AuthoriserTest, ARoleMayDoWhatItsPoliciesAllow) {
  const Error refused = call(session_);
  EXPECT_EQ(refused.name, "AccessDeniedException");
  EXPECT_EQ(refused.cause,
            "User: arn:aws:sts::000000000000:assumed-role/app/s is not authorized to perform: "
            "sqs:sendmessage on resource: arn:aws:sqs:ap-northeast-1:000000000000:q because no "
            "identity-based policy allows the sqs:sendmessage action");
  EXPECT_THAT(last().missing, ElementsAre("identity"));
  allow(identity("Allow", "sqs:Send*", queue_arn));
  EXPECT_EQ(call(session_).cause, "");
  EXPECT_EQ(last().principal, role_arn);
  EXPECT_EQ(last().session, session_arn);
  ASSERT_THAT(last().statements, SizeIs(1));
  EXPECT_EQ(last().statements[0].policy, role_arn + "/policy/p");
  allow(identity("Deny", "*"));
  EXPECT_THAT(call(session_).cause,
              testing::EndsWith("with an explicit deny in an identity-based policy"));
}

TEST_F(AuthoriserTest, TheDecisionsOfAnOperationAreBoundedTogether) {
  options_.decision_steps = 2'000;
  restart();
  allow(identity("Allow", "sqs:Send*"));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(call(session_).cause, "");
  EXPECT_EQ(call(session_, "sqs", "kiban:SendToMany", {}).name, "AccessDeniedException");
  EXPECT_EQ(call(session_).cause, "");
  options_.decision_steps = 2'000'000;
  restart();
  allow(identity("Allow", "sqs:Send*"));
  EXPECT_EQ(call(session_, "sqs", "kiban:SendToMany", {}).cause, "");
}

TEST_F(AuthoriserTest, ObserveRecordsAndLetsPass) {
  options_.iam = Iam::Observe;
  restart();
  EXPECT_EQ(call(session_).cause, "");
  EXPECT_EQ(last().verdict, iam::Verdict::ImplicitlyDenied);
  EXPECT_FALSE(last().enforced);
  EXPECT_FALSE(last().text.empty());
}

TEST_F(AuthoriserTest, BoundariesAndSessionPoliciesLimit) {
  allow(identity("Allow", "*"));
  roles_->role.boundaries = {
      {.name = "arn:aws:iam::000000000000:policy/b", .document = identity("Allow", "sns:*")}};
  forget();
  EXPECT_THAT(call(session_).cause,
              testing::HasSubstr("because no permissions boundary allows the sqs:sendmessage"));
  roles_->role.boundaries.clear();
  forget();
  Caller limited = session_;
  limited.session_policies = {identity("Allow", "sns:*")};
  EXPECT_THAT(call(limited).cause,
              testing::HasSubstr("because no session policy allows the sqs:sendmessage"));
  limited.session_policies = {identity("Allow", "sqs:*")};
  EXPECT_EQ(call(limited).cause, "");
}

TEST_F(AuthoriserTest, ADocumentThatIsNotKnownIsNamed) {
  allow("");
  EXPECT_THAT(call(session_).cause, testing::EndsWith("; kiban does not have the document of " +
                                                      role_arn + "/policy/p, which is attached"));
}

TEST_F(AuthoriserTest, AServiceNeedsThePolicyOfTheResource) {
  const Caller topic{.arn = "sns.amazonaws.com",
                     .source_arn = "arn:aws:sns:ap-northeast-1:000000000000:t"};
  EXPECT_THAT(call(topic).cause,
              testing::HasSubstr("because no resource-based policy allows the sqs:sendmessage"));
  queues_->policy = statement(
      "Allow", "sqs:SendMessage",
      R"("Resource":"*","Principal":{"Service":"sns.amazonaws.com"},"Condition":{"ArnEquals":)"
      R"({"aws:SourceArn":"arn:aws:sns:ap-northeast-1:000000000000:t"},"StringEquals":)"
      R"({"aws:SourceAccount":"000000000000","aws:ResourceTag/Stage":"dev"}})");
  EXPECT_EQ(call(topic).cause, "");
  Caller other = topic;
  other.source_arn = "arn:aws:sns:ap-northeast-1:000000000000:u";
  EXPECT_NE(call(other).cause, "");
}

TEST_F(AuthoriserTest, TheRootIsDeniedByTheResourceAlone) {
  const Caller root{.arn = "arn:aws:iam::000000000000:root"};
  EXPECT_EQ(call(root).cause, "");
  queues_->policy = statement("Deny", "sqs:*", R"("Resource":"*","Principal":"*")");
  EXPECT_THAT(call(root).cause,
              testing::EndsWith("with an explicit deny in a resource-based policy"));
}

TEST_F(AuthoriserTest, RolesAreReadOnceUntilTheyChange) {
  allow(identity("Allow", "*"));
  const int before = roles_->asked;
  (void)call(session_);
  (void)call(session_);
  EXPECT_EQ(roles_->asked, before + 1);
  forget();
  (void)call(session_);
  EXPECT_EQ(roles_->asked, before + 2);
}

TEST_F(AuthoriserTest, DenialsSurviveARestart) {
  (void)call(session_);
  const auto before = kernel_->decisions({.denied = true});
  ASSERT_THAT(before, SizeIs(1));
  restart();
  EXPECT_EQ(kernel_->decisions({.denied = true}), before);
  (void)call(session_);
  const auto after = kernel_->decisions({.denied = true, .role = "app"});
  ASSERT_THAT(after, SizeIs(2));
  EXPECT_LT(after[0].at("id").as_string(), after[1].at("id").as_string());
  EXPECT_THAT(kernel_->decisions({.after = std::string(after[0].at("id").as_string())}), SizeIs(1));
  EXPECT_THAT(kernel_->decisions({.role = "other"}), IsEmpty());
}

TEST_F(AuthoriserTest, DenialsAreBounded) {
  DecisionLog log{*store_};
  for (std::size_t i = 0; i < denials_kept + 5; ++i) {
    log.add({.time = start, .verdict = iam::Verdict::ExplicitlyDenied});
    if (i % 1'000 != 0) continue;
    store::Batch rows;
    log.drain(rows);
    ASSERT_TRUE(store_->commit(rows));
  }
  store::Batch rows;
  log.drain(rows);
  ASSERT_TRUE(store_->commit(rows));
  EXPECT_THAT(store_->scan(denial_prefix, {}, SIZE_MAX), SizeIs(denials_kept));
}

// Who may assume a role: what its trust policy says.
class TrustTest : public AuthoriserTest {
 protected:
  bool trusts(std::string_view principals, const services::RoleRequest& request,
              std::string_view condition = "{}", std::string_view effect = "Allow") {
    roles_->role.trust = {.name = role_arn,
                          .document = statement(effect, "sts:AssumeRole",
                                                fmt::format(R"("Principal":{},"Condition":{})",
                                                            principals, condition))};
    return verdict(request) == iam::Verdict::Allowed;
  }
  iam::Verdict verdict(const services::RoleRequest& request) {
    struct Assuming final : services::Service {
      std::string_view name() const override { return "probe"; }
      Result<json::object> call(Context& context, std::string_view, const json::object&) override {
        KIBAN_TRY_VOID(context.assume(request));
        return json::object{};
      }
      services::RoleRequest request{};
    };
    auto roles = std::make_unique<Roles>();
    roles->role = roles_->role;
    auto probe = std::make_unique<Assuming>();
    probe->request = request;
    std::vector<std::unique_ptr<services::Service>> all;
    all.push_back(std::move(roles));
    all.push_back(std::move(probe));
    Kernel kernel{*store_, std::move(all), options_};
    (void)kernel.call("probe", "Assume", {}, start);
    return kernel.recent_decisions().back().verdict;
  }
  static services::RoleRequest by(std::string principal) {
    return {.role_arn = role_arn, .principal = std::move(principal), .session_name = "s"};
  }
};

TEST_F(TrustTest, ServicesByTheirNames) {
  EXPECT_TRUE(
      trusts(R"({"Service":["a.amazonaws.com","b.amazonaws.com"]})", by("b.amazonaws.com")));
  EXPECT_FALSE(trusts(R"({"Service":"a.amazonaws.com"})", by("b.amazonaws.com")));
  services::RoleRequest elsewhere = by("a.amazonaws.com");
  elsewhere.role_arn = "arn:aws:iam::000000000000:role/app";
  EXPECT_FALSE(trusts(R"({"Service":"a.amazonaws.com"})", elsewhere));
}

TEST_F(TrustTest, ConditionsOnTheSourceAndTheExternalId) {
  constexpr std::string_view service = R"({"Service":"states.amazonaws.com"})";
  constexpr std::string_view machine =
      R"({"ArnLike":{"aws:SourceArn":"arn:aws:states:*:*:stateMachine:m"},)"
      R"("StringEquals":{"aws:SourceAccount":"000000000000"}})";
  services::RoleRequest request = by("states.amazonaws.com");
  EXPECT_FALSE(trusts(service, request, machine));
  request.source_arn = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";
  EXPECT_TRUE(trusts(service, request, machine));
  services::RoleRequest external = by("arn:aws:iam::000000000000:root");
  constexpr std::string_view id = R"({"StringEquals":{"sts:ExternalId":"x"}})";
  EXPECT_FALSE(trusts(R"({"AWS":"000000000000"})", external, id));
  external.keys = {{"sts:ExternalId", {"x"}}};
  EXPECT_TRUE(trusts(R"({"AWS":"000000000000"})", external, id));
}

TEST_F(TrustTest, SessionsNeedPermissionUnlessTheyAreNamed) {
  EXPECT_TRUE(trusts(fmt::format(R"({{"AWS":"{}"}})", session_arn), by(session_arn)));
  EXPECT_TRUE(trusts(fmt::format(R"({{"AWS":"{}"}})", role_arn), by(session_arn)));
  EXPECT_FALSE(trusts(R"({"AWS":"000000000000"})", by(session_arn)));
  roles_->role.identity = {{.name = "p", .document = identity("Allow", "sts:AssumeRole")}};
  EXPECT_TRUE(trusts(R"({"AWS":"000000000000"})", by(session_arn)));
  EXPECT_FALSE(trusts(R"({"AWS":"000000000000"})", by(session_arn), "{}", "Deny"));
  EXPECT_FALSE(trusts(R"({"AWS":"111111111111"})", by(session_arn)));
}

}  // namespace
}  // namespace kiban::kernel
