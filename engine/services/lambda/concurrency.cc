#include "services/lambda/concurrency.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "services/lambda/host.h"
#include "services/lambda/invocations.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
constexpr std::int64_t code_bytes_max = 80'530'636'800;
constexpr std::int64_t unzipped_bytes_max = 262'144'000;
constexpr std::int64_t zipped_bytes_max = 52'428'800;

std::int64_t count_at(const Context& context, const std::string& key) {
  const auto row = context.get(key);
  return row ? std::strtoll(row->c_str(), nullptr, 10) : 0;
}
void add_at(Context& context, const std::string& key, std::int64_t change) {
  const std::int64_t count = count_at(context, key) + change;
  if (count <= 0) return context.erase(key);
  context.put(key, std::to_string(count));
}

std::string busy_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("busy/{}", name));
}
std::string shared_key(const Context& context) { return region_key(context, "shared"); }
std::string reserved_key(const Context& context) { return region_key(context, "reserved"); }

// Row of a provisioned configuration that on_start finds, whatever its region.
std::string warm_key(std::string_view arn) { return fmt::format("lambda/warm/{}", arn); }

Result<json::object> put_concurrency(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(json::object owner, load_function(context, function));
  const std::int64_t wanted = number(input, "ReservedConcurrentExecutions");
  const std::int64_t before = number(owner, "Concurrency", 0);
  const std::int64_t reserved = count_at(context, reserved_key(context)) - before + wanted;
  if (account_concurrency - reserved < unreserved_min)
    return invalid(
        fmt::format("Specified ReservedConcurrentExecutions for function decreases "
                    "account's UnreservedConcurrentExecution below its minimum value of "
                    "[{}].",
                    unreserved_min));
  add_at(context, reserved_key(context), wanted - before);
  owner["Concurrency"] = wanted;
  put_json(context, function_key(context, function.name), owner);
  return json::object{{"ReservedConcurrentExecutions", wanted}};
}

Result<json::object> get_concurrency(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(const json::object owner, load_function(context, function));
  if (!owner.contains("Concurrency")) return json::object{};
  return json::object{{"ReservedConcurrentExecutions", owner.at("Concurrency")}};
}

Result<json::object> delete_concurrency(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(json::object owner, load_function(context, function));
  forget_reserved(context, function.name);
  owner.erase("Concurrency");
  put_json(context, function_key(context, function.name), owner);
  return json::object{};
}

Result<json::object> account_settings(Context& context, const json::object& /*input*/) {
  std::int64_t functions = 0;
  std::int64_t bytes = 0;
  for (const json::object& row : list_json(context, region_key(context, "version/"))) {
    const json::object& shown = row.at("Shown").as_object();
    if (text(shown, "Version") == latest) ++functions;
    bytes += number(shown, "CodeSize");
  }
  const std::int64_t reserved = count_at(context, reserved_key(context));
  return json::object{{"AccountLimit",
                       {{"TotalCodeSize", code_bytes_max},
                        {"CodeSizeUnzipped", unzipped_bytes_max},
                        {"CodeSizeZipped", zipped_bytes_max},
                        {"ConcurrentExecutions", account_concurrency},
                        {"UnreservedConcurrentExecutions", account_concurrency - reserved}}},
                      {"AccountUsage", {{"TotalCodeSize", bytes}, {"FunctionCount", functions}}}};
}

// --- Provisioned concurrency
// -----------------------------------------------------------------------

std::string provisioned_key(const Context& context, const FunctionName& function) {
  return qualified_key(context, "provisioned", function.name, function.qualifier);
}

json::object shown_provisioned(const json::object& row) {
  json::object shown{{"RequestedProvisionedConcurrentExecutions", row.at("Requested")},
                     {"AvailableProvisionedConcurrentExecutions", row.at("Ready")},
                     {"AllocatedProvisionedConcurrentExecutions", row.at("Ready")},
                     {"Status", row.at("Status")},
                     {"LastModified", row.at("Modified")}};
  if (row.contains("Reason")) shown["StatusReason"] = row.at("Reason");
  return shown;
}

// Asks the host to keep `count` environments of the version.
void warm(Context& context, const FunctionName& function, const json::object& owner,
          const json::object& version, std::int64_t count) {
  const std::string arn = arn_of(context, function);
  json::object payload = environment_of(context, owner, version);
  payload["Count"] = count;
  payload["Key"] = provisioned_key(context, function);
  context.perform({.service = "lambda",
                   .kind = std::string(warm_effect),
                   .id = fmt::format("warm/{}", arn),
                   .payload = std::move(payload)});
  if (count == 0) return context.erase(warm_key(arn));
  put_json(context, warm_key(arn),
           {{"Region", context.caller().region},
            {"Account", context.caller().account},
            {"Function", function.name},
            {"Qualifier", function.qualifier},
            {"Count", count}});
}

Result<json::object> put_provisioned(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(const json::object owner, load_function(context, function));
  if (function.qualifier.empty() || function.qualifier == latest)
    return invalid(
        "Provisioned Concurrency Configs cannot be applied to unpublished function "
        "versions.");
  KIBAN_TRY(const json::object version, load_version(context, function));
  const std::int64_t wanted = number(input, "ProvisionedConcurrentExecutions");
  const std::int64_t most = number(owner, "Concurrency", account_concurrency - unreserved_min);
  if (wanted > most)
    return invalid(
        fmt::format("Requested Provisioned Concurrency should not be greater than the "
                    "reservedConcurrentExecution for function ({})",
                    most));
  const json::object row{{"Requested", wanted},
                         {"Ready", 0},
                         {"Status", "IN_PROGRESS"},
                         {"Modified", format_modified(context.now())}};
  put_json(context, provisioned_key(context, function), row);
  warm(context, function, owner, version, wanted);
  return shown_provisioned(row);
}

Result<json::object> get_provisioned(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  const auto row = get_json(context, provisioned_key(context, function));
  if (!row)
    return fail("ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function");
  return shown_provisioned(*row);
}

Result<json::object> delete_provisioned(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(const json::object owner, load_function(context, function));
  const std::string key = provisioned_key(context, function);
  if (!context.get(key)) return json::object{};
  KIBAN_TRY(const json::object version, load_version(context, function));
  context.erase(key);
  warm(context, function, owner, version, 0);
  return json::object{};
}

Result<json::object> list_provisioned(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  const std::string prefix = qualified_key(context, "provisioned", function.name, "");
  json::array all;
  for (const store::Row& row : context.scan(prefix)) {
    json::object shown = shown_provisioned(object_of(row.key, row.value));
    shown["FunctionArn"] = function_arn(context, function.name, row.key.substr(prefix.size()));
    all.emplace_back(std::move(shown));
  }
  return reply_page(input, "ProvisionedConcurrencyConfigs", all);
}

}  // namespace

std::int64_t room_of(const Context& context, const json::object& owner) {
  if (owner.contains("Concurrency"))
    return number(owner, "Concurrency") - count_at(context, busy_key(context, text(owner, "Name")));
  return account_concurrency - count_at(context, reserved_key(context)) -
         count_at(context, shared_key(context));
}

Result<Pool> take_room(Context& context, const json::object& owner) {
  if (room_of(context, owner) <= 0)
    return fail("TooManyRequestsException", std::string(rate_exceeded));
  const Pool pool = owner.contains("Concurrency") ? Pool::Reserved : Pool::Shared;
  add_at(context, busy_key(context, text(owner, "Name")), 1);
  if (pool == Pool::Shared) add_at(context, shared_key(context), 1);
  return pool;
}

void give_room_back(Context& context, std::string_view name, Pool pool) {
  add_at(context, busy_key(context, name), -1);
  if (pool == Pool::Shared) add_at(context, shared_key(context), -1);
}

void forget_reserved(Context& context, std::string_view name) {
  const auto owner = get_json(context, function_key(context, name));
  if (owner) add_at(context, reserved_key(context), -number(*owner, "Concurrency", 0));
}

void end_provisioned(Context& context, std::string_view name) {
  const std::string prefix = qualified_key(context, "provisioned", name, "");
  for (const store::Row& row : context.scan(prefix))
    context.erase(warm_key(function_arn(context, name, row.key.substr(prefix.size()))));
}

void on_warmed(Context& context, const json::object& payload, const json::object& outcome) {
  const std::string key = text(payload, "Key");
  auto row = get_json(context, key);
  if (!row || number(*row, "Requested") != number(payload, "Count")) return;
  const json::object* error = find_object(outcome, "Error");
  (*row)["Ready"] = number(outcome, "Ready", 0);
  (*row)["Status"] = error ? "FAILED" : "READY";
  if (error) (*row)["Reason"] = text(*error, "Message");
  put_json(context, key, *row);
}

// The caller at the start has no region: kiban:Warm runs in that of the function.
void warm_again(Context& context) {
  for (const json::object& row : list_json(context, "lambda/warm/"))
    (void)context.call("lambda", "kiban:Warm", row,
                       {.account = text(row, "Account"),
                        .region = text(row, "Region"),
                        .arn = std::string(principal)});
}

OperationTable concurrency_operations() {
  return {{"DeleteFunctionConcurrency", delete_concurrency},
          {"DeleteProvisionedConcurrencyConfig", delete_provisioned},
          {"GetAccountSettings", account_settings},
          {"GetFunctionConcurrency", get_concurrency},
          {"GetProvisionedConcurrencyConfig", get_provisioned},
          {"ListProvisionedConcurrencyConfigs", list_provisioned},
          {"PutFunctionConcurrency", put_concurrency},
          {"PutProvisionedConcurrencyConfig", put_provisioned},
          {"kiban:Warm", [](Context& context, const json::object& input) -> Result<json::object> {
             const FunctionName function{.name = text(input, "Function"),
                                         .qualifier = text(input, "Qualifier")};
             KIBAN_TRY(const json::object owner, load_function(context, function));
             KIBAN_TRY(const json::object version, load_version(context, function));
             warm(context, function, owner, version, number(input, "Count"));
             return json::object{};
           }}};
}

}  // namespace kiban::services::lambda
