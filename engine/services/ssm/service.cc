#include "services/ssm/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"

namespace kiban::services::ssm {
namespace {

constexpr std::size_t value_bytes_standard = 4'096;
constexpr std::size_t value_bytes_advanced = 8'192;

std::string parameter_key(const Context& context, std::string_view name) {
  return fmt::format("ssm/{}/parameter/{}", context.caller().region, name);
}

std::string arn_of(const Context& context, std::string_view name) {
  return make_arn(context, "ssm",
                  fmt::format("parameter{}{}", name.starts_with('/') ? "" : "/", name));
}

// Clients may give the ARN instead of the name.
std::string name_of(std::string_view name) {
  if (!name.starts_with("arn:")) return std::string(name);
  const std::size_t mark = name.find(":parameter/");
  if (mark == std::string_view::npos) return std::string(name);
  const std::string_view path = name.substr(mark + std::string_view(":parameter").size());
  // arn:…:parameter/a is "a", arn:…:parameter/a/b is "/a/b".
  return std::string(path.find('/', 1) == std::string_view::npos ? path.substr(1) : path);
}

struct Selected {
  std::string name{};
  std::string selector{};  // ":3", or empty.
  json::object row{};
};

// NAME or NAME:VERSION. Labels are not served.
Result<Selected> select(const Context& context, std::string_view given) {
  Selected out{.name = name_of(given)};
  auto row = get_json(context, parameter_key(context, out.name));
  const std::size_t colon = out.name.rfind(':');
  if (!row && colon != std::string::npos) {
    out.selector = out.name.substr(colon);
    out.name.resize(colon);
    row = get_json(context, parameter_key(context, out.name));
  }
  if (!row) return fail("ParameterNotFound", fmt::format("Parameter {} not found.", given));
  out.row = *std::move(row);
  const std::int64_t version = number(out.row, "Version", 1);
  if (!out.selector.empty() && out.selector != fmt::format(":{}", version)) {
    return fail("ParameterVersionNotFound",
                fmt::format("Systems Manager could not find version {} of {}: kiban keeps only the "
                            "latest, {}.",
                            out.selector.substr(1), out.name, version));
  }
  return out;
}

json::object described(const Context& context, const Selected& selected, bool decrypt) {
  const json::object& row = selected.row;
  std::string value = text(row, "Value");
  if (text(row, "Type") == "SecureString" && !decrypt) {
    value = fmt::format("kiban-encrypted-{}", number(row, "Version", 1));
  }
  json::object out{{"Name", selected.name},
                   {"Type", row.at("Type")},
                   {"Value", value},
                   {"Version", row.at("Version")},
                   {"LastModifiedDate", row.at("LastModifiedDate")},
                   {"ARN", arn_of(context, selected.name)},
                   {"DataType", text(row, "DataType", "text")}};
  if (!selected.selector.empty()) out["Selector"] = selected.selector;
  return out;
}

Result<void> check_value(const json::object& input, std::string_view type) {
  if (input.contains("AllowedPattern") || input.contains("Policies")) {
    return fail("ValidationException",
                "kiban does not honour the parameters AllowedPattern and Policies of PutParameter");
  }
  if (type.empty()) {
    return fail("ValidationException", "A parameter type is required when you create a parameter.");
  }
  const std::size_t limit =
      text(input, "Tier") == "Advanced" ? value_bytes_advanced : value_bytes_standard;
  if (text(input, "Value").size() > limit) {
    return fail("ValidationException",
                fmt::format("{} tier parameters support a maximum parameter value of {} "
                            "characters.",
                            text(input, "Tier", "Standard"), limit));
  }
  return {};
}

Result<json::object> put_parameter(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (flag(input, "Overwrite") && input.contains("Tags"))
    return fail("ValidationException",
                "Invalid request: tags and overwrite can't be used together. To create a parameter "
                "with tags, please remove overwrite flag. To update tags for an existing "
                "parameter, please use AddTagsToResource or RemoveTagsFromResource.");
  const auto old = get_json(context, parameter_key(context, name));
  if (old && !flag(input, "Overwrite")) {
    return fail("ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option "
                "in the request to true.");
  }
  const std::string type = text(input, "Type", old ? text(*old, "Type") : std::string());
  KIBAN_TRY_VOID(check_value(input, type));
  json::object row = old ? *old : json::object{{"Tags", json::array{}}};
  const std::int64_t version = old ? number(*old, "Version", 0) + 1 : 1;
  row["Type"] = type;
  row["Value"] = text(input, "Value");
  row["Version"] = version;
  row["LastModifiedDate"] = epoch_seconds(context.now());
  row["LastModifiedUser"] = context.caller().arn;
  row["Tier"] = text(input, "Tier", "Standard") == "Advanced" ? "Advanced" : "Standard";
  for (const std::string_view member : {"Description", "KeyId", "DataType", "Tags"}) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  put_json(context, parameter_key(context, name), row);
  return json::object{{"Version", version}, {"Tier", row.at("Tier")}};
}

Result<json::object> get_parameter(Context& context, const json::object& input) {
  KIBAN_TRY(const Selected selected, select(context, text(input, "Name")));
  return json::object{{"Parameter", described(context, selected, flag(input, "WithDecryption"))}};
}

Result<json::object> get_parameters(Context& context, const json::object& input) {
  json::array found;
  json::array invalid;
  for (const json::value& name : *find_array(input, "Names")) {
    const auto selected = select(context, name.as_string());
    if (selected) {
      found.push_back(described(context, *selected, flag(input, "WithDecryption")));
    } else {
      invalid.push_back(name);
    }
  }
  return json::object{{"Parameters", found}, {"InvalidParameters", invalid}};
}

std::vector<Selected> all(const Context& context) {
  std::vector<Selected> out;
  const std::string prefix = parameter_key(context, "");
  for (const store::Row& row : context.scan(prefix)) {
    if (auto object = get_json(context, row.key)) {
      out.push_back({.name = row.key.substr(prefix.size()), .row = *std::move(object)});
    }
  }
  return out;
}

Result<json::object> page_of(const json::array& entries, std::string_view member,
                             const json::object& input, std::int64_t limit) {
  const auto size = static_cast<std::size_t>(number(input, "MaxResults", limit));
  auto page = paginate(entries, size, find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextToken", page.error().cause);
  json::object out{{member, page->entries}};
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

Result<json::object> by_path(Context& context, const json::object& input) {
  if (input.contains("ParameterFilters")) {
    return fail("InvalidFilterKey", "kiban does not honour ParameterFilters here");
  }
  std::string path = text(input, "Path");
  if (!path.starts_with('/')) {
    return fail("ValidationException",
                "The parameter doesn't meet the parameter name requirements. The parameter name "
                "must begin with a forward slash \"/\".");
  }
  if (!path.ends_with('/')) path += '/';
  json::array found;
  for (const Selected& selected : all(context)) {
    if (!selected.name.starts_with(path)) continue;
    const bool deeper = selected.name.find('/', path.size()) != std::string::npos;
    if (deeper && !flag(input, "Recursive")) continue;
    found.push_back(described(context, selected, flag(input, "WithDecryption")));
  }
  return page_of(found, "Parameters", input, 10);
}

// Filters: Name and Type with Equals or BeginsWith; others are refused by name.
Result<bool> passes(const Selected& selected, const json::object& input) {
  if (input.contains("Filters") || input.contains("Shared")) {
    return fail("InvalidFilterKey", "kiban honours ParameterFilters, not Filters and Shared");
  }
  const json::array* filters = find_array(input, "ParameterFilters");
  for (const json::value& entry : filters ? *filters : json::array{}) {
    const json::object& filter = entry.as_object();
    const std::string key = text(filter, "Key");
    const std::string option = text(filter, "Option", "Equals");
    if ((key != "Name" && key != "Type") || (option != "Equals" && option != "BeginsWith")) {
      return fail("InvalidFilterKey",
                  fmt::format("kiban does not honour the filter {} with option {}", key, option));
    }
    const std::string have = key == "Name" ? selected.name : text(selected.row, "Type");
    const json::array* values = find_array(filter, "Values");
    const bool one = values && std::ranges::any_of(*values, [&](const json::value& value) {
                       const std::string_view wanted = value.as_string();
                       return option == "Equals" ? have == wanted : have.starts_with(wanted);
                     });
    if (!one) return false;
  }
  return true;
}

Result<json::object> describe_parameters(Context& context, const json::object& input) {
  json::array found;
  for (const Selected& selected : all(context)) {
    KIBAN_TRY(const bool wanted, passes(selected, input));
    if (!wanted) continue;
    json::object entry = selected.row;
    entry.erase("Value");
    entry.erase("Tags");
    entry["Name"] = selected.name;
    entry["ARN"] = arn_of(context, selected.name);
    found.push_back(std::move(entry));
  }
  return page_of(found, "Parameters", input, 50);
}

Result<json::object> delete_parameter(Context& context, const json::object& input) {
  KIBAN_TRY(const Selected selected, select(context, text(input, "Name")));
  context.erase(parameter_key(context, selected.name));
  return json::object{};
}

Result<json::object> delete_parameters(Context& context, const json::object& input) {
  json::array deleted;
  json::array invalid;
  for (const json::value& name : *find_array(input, "Names")) {
    const auto selected = select(context, name.as_string());
    if (selected) context.erase(parameter_key(context, selected->name));
    (selected ? deleted : invalid).push_back(name);
  }
  return json::object{{"DeletedParameters", deleted}, {"InvalidParameters", invalid}};
}

// Tags
// ---------------------------------------------------------------------------------------------

Result<Selected> tagged(const Context& context, const json::object& input) {
  if (text(input, "ResourceType") != "Parameter") {
    return fail("InvalidResourceType", "kiban serves tags of the resource type Parameter only");
  }
  const auto selected = select(context, text(input, "ResourceId"));
  if (!selected) return fail("InvalidResourceId", selected.error().cause);
  return *selected;
}

Result<json::object> change_tags(Context& context, const json::object& input) {
  KIBAN_TRY(Selected selected, tagged(context, input));
  json::array kept;
  const json::array* added = find_array(input, "Tags");
  const json::array* removed = find_array(input, "TagKeys");
  const auto replaced = [&](const json::value& tag) {
    const auto same = [&](const json::value& other) {
      return text(other.as_object(), "Key") == text(tag.as_object(), "Key");
    };
    if (added) return std::ranges::any_of(*added, same);
    return removed && std::ranges::find(*removed, tag.at("Key")) != removed->end();
  };
  for (const json::value& tag : selected.row["Tags"].as_array()) {
    if (!replaced(tag)) kept.push_back(tag);
  }
  for (const json::value& tag : added ? *added : json::array{}) kept.push_back(tag);
  selected.row["Tags"] = std::move(kept);
  put_json(context, parameter_key(context, selected.name), selected.row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const Selected selected, tagged(context, input));
  return json::object{{"TagList", selected.row.at("Tags")}};
}

const OperationTable operations = {
    {"AddTagsToResource", change_tags},      {"DeleteParameter", delete_parameter},
    {"DeleteParameters", delete_parameters}, {"DescribeParameters", describe_parameters},
    {"GetParameter", get_parameter},         {"GetParameters", get_parameters},
    {"GetParametersByPath", by_path},        {"ListTagsForResource", list_tags},
    {"PutParameter", put_parameter},         {"RemoveTagsFromResource", change_tags},
};

}  // namespace

std::unique_ptr<Service> make_ssm() { return std::make_unique<TableService>("ssm", operations); }

}  // namespace kiban::services::ssm
