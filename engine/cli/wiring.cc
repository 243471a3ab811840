#include "cli/wiring.h"

#include <fmt/core.h>

#include "core/arn.h"
#include "services/applicationautoscaling/service.h"
#include "services/cloudformation/service.h"
#include "services/cloudwatch/service.h"
#include "services/ec2/service.h"
#include "services/ecr/service.h"
#include "services/ecs/service.h"
#include "services/elbv2/service.h"
#include "services/events/service.h"
#include "services/iam/service.h"
#include "services/kms/service.h"
#include "services/lambda/service.h"
#include "services/logs/service.h"
#include "services/rds/service.h"
#include "services/s3/service.h"
#include "services/scheduler/service.h"
#include "services/secretsmanager/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"
#include "services/ssm/service.h"
#include "services/states/service.h"
#include "services/sts/service.h"

namespace kiban::cli {

std::vector<std::unique_ptr<services::Service>> make_services(const WiringOptions& options) {
  std::vector<std::unique_ptr<services::Service>> all;
  all.push_back(services::applicationautoscaling::make_applicationautoscaling());
  all.push_back(services::cloudformation::make_cloudformation_with(
      {.function_endpoint = options.function_endpoint}));
  all.push_back(services::cloudwatch::make_cloudwatch());
  all.push_back(services::ecr::make_ecr());
  all.push_back(services::ec2::make_ec2());
  all.push_back(services::ecs::make_ecs());
  all.push_back(services::elbv2::make_elbv2());
  all.push_back(services::events::make_events_with({.missed = options.missed}));
  all.push_back(services::iam::make_iam());
  all.push_back(services::kms::make_kms());
  all.push_back(services::lambda::make_lambda_with({.code_folders = options.code_folders}));
  all.push_back(services::logs::make_logs());
  all.push_back(services::rds::make_rds({.endpoint_host = options.database_host}));
  all.push_back(services::s3::make_s3());
  all.push_back(services::scheduler::make_scheduler_with(options.missed));
  all.push_back(services::secretsmanager::make_secretsmanager());
  all.push_back(services::sns::make_sns());
  all.push_back(services::sqs::make_sqs_with({.hosts = options.hosts}));
  all.push_back(services::ssm::make_ssm());
  all.push_back(services::states::make_states({.mock_config = options.mock_config,
                                               .throttle = options.throttle,
                                               .retention = options.retention,
                                               .counters = options.counters}));
  all.push_back(services::sts::make_sts());
  return all;
}

namespace {

std::optional<json::object> read_object(kernel::Kernel& kernel, const std::string& key) {
  const std::optional<std::string> row = kernel.read(key);
  if (!row) return std::nullopt;
  Result<json::value> value = parse_json(*row);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

std::string member(const json::object& row, std::string_view key) {
  const json::string* found = find_string(row, key);
  return found == nullptr ? std::string{} : to_string(*found);
}

// A user's key; one that is inactive is as if it did not exist:
// docs.aws.amazon.com/IAM/latest/UserGuide/access-keys-admin-managed.html
std::optional<runtime::StoredKey> find_user_key(kernel::Kernel& kernel, const std::string& id) {
  const auto key = read_object(kernel, "iam/access-key/" + id);
  if (!key || member(*key, "Status") != "Active") return std::nullopt;
  const auto user = read_object(kernel, "iam/user/" + member(*key, "UserName"));
  if (!user) return std::nullopt;
  return runtime::StoredKey{.key = {.secret = member(*key, "SecretAccessKey")},
                            .arn = member(*user, "Arn")};
}

std::optional<runtime::StoredKey> find_session(kernel::Kernel& kernel, const std::string& id) {
  const auto row = read_object(kernel, "sts/session/" + id);
  if (!row) return std::nullopt;
  const std::string session_arn = member(*row, "Arn");
  const auto arn = parse_arn(session_arn);
  const std::string path = arn ? arn->resource : "";  // assumed-role/ROLE/SESSION
  const std::size_t from = path.find('/') + 1;
  // A role made again under the same name is another role, with another id.
  const auto role =
      read_object(kernel, "iam/role/" + path.substr(from, path.find('/', from) - from));
  const bool alive = role && member(*row, "UserId").starts_with(member(*role, "RoleId") + ":");
  runtime::StoredKey session{.key = {.secret = member(*row, "SecretAccessKey"),
                                     .session_token = member(*row, "SessionToken")},
                             .arn = session_arn,
                             .revoked = !alive,
                             .acts_for = member(*row, "ActsFor")};
  if (const json::array* policies = find_array(*row, "Policies"))
    for (const json::value& document : *policies)
      if (document.is_string()) session.policies.push_back(to_string(document.get_string()));
  const json::value* expires = find(*row, "Expiration");
  if (expires != nullptr && expires->is_number())
    session.key.expires = from_epoch_seconds(expires->to_number<double>());
  return session;
}

}  // namespace

std::optional<runtime::StoredKey> find_key(kernel::Kernel& kernel, std::string_view access_key_id) {
  const std::string id(access_key_id);
  return id.starts_with("ASIA") ? find_session(kernel, id) : find_user_key(kernel, id);
}

std::optional<runtime::RegistryToken> find_registry_token(kernel::Kernel& kernel,
                                                          const std::string& password) {
  const std::optional<std::string> key = kernel.read(services::ecr::token_key_row);
  const auto token = key ? services::ecr::read_token(*key, password) : std::nullopt;
  if (!token) return std::nullopt;
  return runtime::RegistryToken{
      .caller = token->caller, .region = token->region, .expires = token->expires};
}

std::vector<std::string> find_in_flight(const kernel::Kernel& kernel) {
  std::vector<std::string> names;
  for (const services::Effect& effect : kernel.pending_effects()) {
    const auto member = [&](std::string_view key) {
      const json::string* found = find_string(effect.payload, key);
      return found == nullptr ? std::string{} : to_string(*found);
    };
    if (effect.kind == "task.run" && !member("Group").starts_with("service:"))
      names.push_back(fmt::format("ECS task {} ({})", effect.id.substr(effect.id.rfind('/') + 1),
                                  member("Group")));
    if (effect.kind == "lambda.invoke")
      names.push_back(fmt::format("invocation {} of {}", effect.id, member("FunctionName")));
    if (effect.kind == "http.post")
      names.push_back(fmt::format("delivery {} to {}", effect.id, member("Url")));
    if (effect.kind == "mail.send")
      names.push_back(fmt::format("mail {} to {}", effect.id, member("To")));
  }
  return names;
}

const std::vector<std::string>& InFlight::operator()() {
  if (version_ != kernel_->effects_version()) {
    version_ = kernel_->effects_version();
    names_ = find_in_flight(*kernel_);
  }
  return names_;
}

}  // namespace kiban::cli
