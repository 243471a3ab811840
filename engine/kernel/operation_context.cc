#include "kernel/operation_context.h"

#include <fmt/core.h>

#include <ranges>
#include <stdexcept>

#include "api/validate.h"
#include "core/arn.h"
#include "core/utf8.h"
#include "kernel/trust.h"

namespace kiban::kernel {

using services::Caller;

Result<json::object> Kernel::Batch::OperationContext::call(std::string_view service,
                                                           std::string_view operation,
                                                           const json::object& input,
                                                           const Caller& as) {
  const auto found = batch_.kernel_.by_name.find(service);
  if (found == batch_.kernel_.by_name.end())
    return fail("UnknownOperationException", fmt::format("kiban does not serve {}", service));
  if (depth_ + 1 > call_depth_max)
    return fail("InternalFailure", fmt::format("{}:{} would be the {}th call inside another; at "
                                               "most {} are allowed",
                                               service, operation, depth_ + 1, call_depth_max));
  if (++*calls_ > calls_per_operation_max)
    return fail("InternalFailure",
                fmt::format("one operation made more than {} calls", calls_per_operation_max));
  // As on the wire. What only other services may ask for is in no model and goes unchecked.
  const api::Service* model = api::find_service(service);
  const api::Operation* shape = model == nullptr ? nullptr : model->operation(operation);
  const auto system_tags =
      service_ == "cloudformation" ? api::SystemTags::Allowed : api::SystemTags::Refused;
  if (shape != nullptr) KIBAN_TRY_VOID(api::validate(*model, *shape, input, system_tags));
  if (found->second == batch_.kernel_.metrics) batch_.deliver_counts();
  OperationContext inner{batch_, found->second->name(), as, depth_ + 1, false, true};
  inner.calls_ = calls_;
  const Mark before = batch_.mark();
  Result<json::object> result;
  try {
    result = found->second->call(inner, operation, input);
  } catch (const std::exception& thrown) {
    // The callee fails, not all that called it: a damaged alarm must not stop executions, which
    // count metrics.
    batch_.kernel_.log(
        fmt::format("{}:{} failed inside kiban: {}", service, operation, thrown.what()));
    result = internal_failure();
  }
  inner.record_operation(service, operation);
  if (!result) batch_.roll_back(before);
  return result;
}

void Kernel::Batch::OperationContext::check_text(std::string_view key, std::string_view value) {
  if (!is_utf8(key) || !is_utf8(value))
    throw services::DamagedRow(key, "what would be written is not valid UTF-8");
}

void Kernel::Batch::OperationContext::perform(services::Effect effect) {
  json::object row{{"Kind", effect.kind}, {"Payload", effect.payload}};
  batch_.keep_place(caller_, row);
  put(effect_key(effect.service, effect.id), print_json(row));
  batch_.effects_.push_back(std::move(effect));
}

void Kernel::Batch::OperationContext::publish(services::Event event) {
  if (event.region.empty()) event.region = caller_.region;
  if (event.account.empty()) event.account = caller_.account;
  batch_.events_.push_back(std::move(event));
}

bool Kernel::Batch::OperationContext::heard(std::string_view source) {
  for (const Listener& listener : batch_.kernel_.listeners) {
    if (listener.source != "*" && listener.source != source) continue;
    if (listener.service->name() != service_ && listener.service->hears(*this, source)) return true;
  }
  return false;
}

void Kernel::Batch::OperationContext::count(services::MetricDatum datum) {
  if (batch_.kernel_.metrics == nullptr) return;
  batch_.counts_.push_back(
      {.account = caller_.account, .region = caller_.region, .datum = std::move(datum)});
}

void Kernel::Batch::OperationContext::defer(std::string_view channel, Timestamp until) {
  KIBAN_CHECK(!last_attempt(), "defer() is not for a last attempt or a nested call");
  deferred_.emplace(channel, until);
}

void Kernel::Batch::OperationContext::reply_with(std::string_view operation, json::object input) {
  KIBAN_CHECK(!last_attempt(), "reply_with() is not for a last attempt or a nested call");
  successor_.emplace(operation, std::move(input));
}

Result<std::string> Kernel::Batch::OperationContext::read_blob(std::string_view digest) const {
  for (const auto& [name, bytes] : std::views::reverse(batch_.blobs_))  // Mostly the last one.
    if (name == digest) return bytes;
  return batch_.kernel_.options.blobs->read(digest);
}

std::string Kernel::Batch::OperationContext::put_blob(std::string_view bytes) {
  if (bytes.size() > small_blob_bytes) {
    Result<std::string> digest = batch_.kernel_.options.blobs->put(bytes);
    if (!digest) throw std::runtime_error(digest.error().cause);  // The operation fails as a whole.
    return *std::move(digest);
  }
  std::string digest = store::sha256_hex(bytes);
  batch_.blobs_.emplace_back(digest, bytes);
  return digest;
}

void Kernel::Batch::OperationContext::record(std::string caller, std::string_view action,
                                             std::string_view resource, bool allowed) {
  std::deque<Authorisation>& kept = batch_.kernel_.authorisations;
  if (kept.size() == authorisations_kept) kept.pop_front();
  kept.push_back({.time = batch_.now_,
                  .caller = std::move(caller),
                  .action = std::string(action),
                  .resource = std::string(resource),
                  .allowed = allowed});
}

void Kernel::Batch::OperationContext::record_operation(std::string_view service,
                                                       std::string_view operation) {
  // IAM's prefixes where they differ from our folders' names:
  // docs.aws.amazon.com/service-authorization/latest/reference/
  std::string_view prefix = service;
  if (service == "elbv2") prefix = "elasticloadbalancing";
  if (service == "applicationautoscaling") prefix = "application-autoscaling";
  if (!asked_) record(caller_.arn, fmt::format("{}:{}", prefix, operation), "*", true);
}

Result<void> Kernel::Batch::OperationContext::decide(const services::AccessRequest& request) {
  asked_ = true;
  record(caller_.arn, request.action, request.resource, true);  // Policies are not evaluated yet.
  return {};
}

Result<Caller> Kernel::Batch::OperationContext::assume(const services::RoleRequest& request) {
  const std::string& role_arn = request.role_arn;
  const std::string& principal = request.principal;
  const auto denied = [&](const std::string& why) {
    record(principal, "sts:AssumeRole", role_arn, false);
    return fail("AccessDenied",
                fmt::format("{} is not authorized to perform: sts:AssumeRole on resource: {}: {}",
                            principal, role_arn, why));
  };
  const Result<Arn> arn = parse_arn(role_arn);
  constexpr std::string_view role_prefix = "role/";
  if (!arn || arn->service != "iam" || !arn->resource.starts_with(role_prefix))
    return denied("it is not the ARN of a role");
  // A role's path is not part of a session's ARN:
  // docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
  const std::string name = arn->resource.substr(arn->resource.rfind('/') + 1);
  if (name.empty()) return denied("it is not the ARN of a role");
  if (batch_.kernel_.options.auth == Auth::Sigv4) {
    Caller root = caller_;
    root.arn = fmt::format("arn:aws:iam::{}:root", arn->account);
    const Result<json::object> role =
        call("iam", "GetRole", json::object{{"RoleName", name}}, root);
    if (!role) return denied("no such role (" + role.error().cause + ")");
    if (const Result<void> trusted = trusts(*role, role_arn, principal); !trusted)
      return denied(trusted.error().cause);
  }
  record(principal, "sts:AssumeRole", role_arn, true);
  return Caller{.account = arn->account,
                .region = caller_.region,
                .arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", arn->account, name,
                                   request.session_name),
                .source_arn = request.source_arn,
                .acts_for = request.acts_for};
}

}  // namespace kiban::kernel
