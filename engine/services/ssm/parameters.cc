#include <fmt/format.h>

#include <algorithm>

#include "core/letters.h"
#include "services/base/key_use.h"
#include "services/ssm/rows.h"

namespace kiban::services::ssm {
namespace {

constexpr std::size_t value_bytes_standard = 4'096;
constexpr std::size_t value_bytes_advanced = 8'192;
constexpr std::size_t name_bytes_max = 1'011;  // Counted with the ARN in front: API_PutParameter.
constexpr std::size_t versions_max = 100;

std::unexpected<Error> invalid(std::string why) {
  return fail("ValidationException", std::move(why));
}

// The tier that the parameter will have.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
Result<std::string> tier_of(const json::object& input, const std::optional<json::object>& old) {
  const std::size_t bytes = text(input, "Value").size();
  const bool was_advanced = old && text(*old, "Tier") == "Advanced";
  std::string tier = text(input, "Tier", was_advanced ? "Advanced" : "Standard");
  if (tier == "Intelligent-Tiering")
    tier = was_advanced || bytes > value_bytes_standard ? "Advanced" : "Standard";
  if (was_advanced && tier == "Standard")
    return invalid(
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
        "advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the "
        "advanced parameter and recreate it as a standard parameter.");
  const std::size_t limit = tier == "Advanced" ? value_bytes_advanced : value_bytes_standard;
  if (bytes > limit)
    return invalid(fmt::format(
        "{} tier parameters support a maximum parameter value of {} characters.{}", tier, limit,
        tier == "Advanced" ? ""
                           : " To create a larger parameter value, upgrade the parameter to use "
                             "the advanced-parameter tier."));
  return tier;
}

Result<void> check_data_type(const json::object& input, std::string_view type) {
  const std::string data_type = text(input, "DataType", "text");
  if (data_type == "text") return {};
  if (data_type == "aws:ec2:image" && type == "String") return {};
  if (data_type == "aws:ec2:image")
    return invalid("The data type aws:ec2:image can only be used with the parameter type String.");
  return invalid(fmt::format(
      "The following data type is not supported: {} (Data type names are all lowercase.)",
      data_type));
}

// "InvalidKeyId: The query key ID isn't valid": of a key that is not there or cannot encrypt.
Result<void> check_key(Context& context, const json::object& input) {
  if (!input.contains("KeyId")) return {};
  Caller own = context.caller();
  own.arn = "ssm.amazonaws.com";
  const auto found = context.call("kms", "DescribeKey", {{"KeyId", input.at("KeyId")}}, own);
  if (!found) return fail("InvalidKeyId", found.error().cause);
  const json::object& metadata = found->at("KeyMetadata").as_object();
  if (text(metadata, "KeyState") == "Enabled") return {};
  return fail("InvalidKeyId", fmt::format("{} is {}.", text(metadata, "Arn"),
                                          lower_case(text(metadata, "KeyState"))));
}

// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
Result<void> use_parameters_key(Context& context, std::string_view name, const json::object& row,
                                std::string_view action) {
  if (text(row, "Type") != "SecureString") return {};
  return use_key(context, {.key = text(row, "KeyId"),
                           .service = "ssm",
                           .actions = {action},
                           .encryption_context = {{"PARAMETER_ARN", arn_of(context, name)}}});
}

Result<void> check_input(Context& context, const json::object& input, std::string_view type) {
  if (input.contains("Policies"))
    return invalid("kiban does not honour the parameter Policies of PutParameter");
  if (arn_of(context, text(input, "Name")).size() > name_bytes_max)
    return invalid(fmt::format("The parameter name, with its ARN, is longer than {} characters.",
                               name_bytes_max));
  if (type.empty()) return invalid("A parameter type is required when you create a parameter.");
  if (input.contains("KeyId") && type != "SecureString")
    return invalid("KeyId can only be used with the parameter type SecureString.");
  KIBAN_TRY_VOID(check_key(context, input));
  KIBAN_TRY_VOID(check_data_type(input, type));
  if (const std::string pattern = text(input, "AllowedPattern"); !pattern.empty())
    return check_pattern(pattern, text(input, "Value"));
  return {};
}

// Of the version before, what a request that leaves it out keeps.
json::object version_from(const Context& context, const json::object& input,
                          const std::optional<json::object>& old, std::string_view type) {
  json::object version{{"Type", type},
                       {"Value", text(input, "Value")},
                       {"Version", old ? number(*old, "Version", 0) + 1 : 1},
                       {"LastModifiedDate", epoch_seconds(context.now())},
                       {"LastModifiedUser", context.caller().arn},
                       {"DataType", text(input, "DataType", "text")}};
  for (const char* member : {"Description", "AllowedPattern"}) {
    const json::value* kept = old ? find(*old, member) : nullptr;
    if (input.contains(member))
      version[member] = input.at(member);
    else if (kept != nullptr)
      version[member] = *kept;
  }
  if (type == "SecureString")
    version["KeyId"] =
        text(input, "KeyId", old ? text(*old, "KeyId", "alias/aws/ssm") : "alias/aws/ssm");
  return version;
}

// The oldest of a hundred versions makes room, unless it has a label.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
Result<void> make_room(Context& context, const std::string& name) {
  const std::vector<Version> kept = versions(context, name);
  if (kept.size() < versions_max) return {};
  if (!labels_of(kept.front().row).empty())
    return fail("ParameterMaxVersionLimitExceeded",
                fmt::format("You attempted to create a new version of {} by calling the "
                            "PutParameter API with the overwrite flag. Version {}, the oldest "
                            "version, can't be deleted because it has a label associated with it. "
                            "Move the label to another version of the parameter, and try again.",
                            name, number(kept.front().row, "Version", 0)));
  context.erase(kept.front().key);
  return {};
}

Result<json::object> put_parameter(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (flag(input, "Overwrite") && input.contains("Tags"))
    return invalid(
        "Invalid request: tags and overwrite can't be used together. To create a parameter "
        "with tags, please remove overwrite flag. To update tags for an existing "
        "parameter, please use AddTagsToResource or RemoveTagsFromResource.");
  const auto old = latest(context, name);
  if (old && !flag(input, "Overwrite")) {
    return fail("ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option "
                "in the request to true.");
  }
  const std::string type = text(input, "Type", old ? text(*old, "Type") : std::string());
  KIBAN_TRY_VOID(check_input(context, input, type));
  KIBAN_TRY(const std::string tier, tier_of(input, old));
  if (old) {
    // A parameter of a server that kept no history gets its first row of it.
    const std::vector<Version> kept = versions(context, name);
    if (kept.size() == 1) put_json(context, kept.front().key, kept.front().row);
    KIBAN_TRY_VOID(make_room(context, name));
  }
  json::object row = version_from(context, input, old, type);
  KIBAN_TRY_VOID(use_parameters_key(context, name, row, "kms:Encrypt"));
  row["Tier"] = tier;
  put_json(context, history_key(context, name, number(row, "Version", 1)), row);
  row["Tags"] = old ? old->at("Tags") : json::array{};
  if (input.contains("Tags")) row["Tags"] = input.at("Tags");
  put_json(context, parameter_key(context, name), row);
  return json::object{{"Version", row.at("Version")}, {"Tier", tier}};
}

Result<json::object> get_parameter(Context& context, const json::object& input) {
  KIBAN_TRY(const Selected selected, select(context, text(input, "Name")));
  if (flag(input, "WithDecryption"))
    KIBAN_TRY_VOID(use_parameters_key(context, selected.name, selected.row, "kms:Decrypt"));
  return json::object{{"Parameter", described(context, selected, flag(input, "WithDecryption"))}};
}

// "listed in alphabetical order in query responses"
Result<json::object> get_parameters(Context& context, const json::object& input) {
  std::map<std::string, json::value> found;
  json::array invalid_names;
  for (const json::value& name : *find_array(input, "Names")) {
    const auto selected = select(context, name.as_string());
    if (selected && flag(input, "WithDecryption"))
      KIBAN_TRY_VOID(use_parameters_key(context, selected->name, selected->row, "kms:Decrypt"));
    if (selected)
      found[selected->name + selected->selector] =
          described(context, *selected, flag(input, "WithDecryption"));
    else
      invalid_names.push_back(name);
  }
  json::array parameters;
  for (auto& each : found) parameters.push_back(std::move(each.second));
  return json::object{{"Parameters", std::move(parameters)}, {"InvalidParameters", invalid_names}};
}

Result<json::object> delete_parameter(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (!latest(context, name))
    return fail("ParameterNotFound", fmt::format("Parameter {} not found.", name));
  erase_parameter(context, name);
  return json::object{};
}

Result<json::object> delete_parameters(Context& context, const json::object& input) {
  json::array deleted;
  json::array invalid_names;
  for (const json::value& each : *find_array(input, "Names")) {
    const std::string_view name = each.as_string();
    const bool there = latest(context, name).has_value();
    if (there) erase_parameter(context, name);
    (there ? deleted : invalid_names).push_back(each);
  }
  return json::object{{"DeletedParameters", deleted}, {"InvalidParameters", invalid_names}};
}

}  // namespace

OperationTable parameter_operations() {
  return {{"DeleteParameter", delete_parameter},
          {"DeleteParameters", delete_parameters},
          {"GetParameter", get_parameter},
          {"GetParameters", get_parameters},
          {"PutParameter", put_parameter}};
}

}  // namespace kiban::services::ssm
