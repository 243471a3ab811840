#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "services/base/tags.h"
#include "services/ssm/rows.h"

namespace kiban::services::ssm {
namespace {

constexpr std::size_t filter_values_max = 50;

using Names = std::vector<std::string_view>;
const Names describe_keys = {"Path", "Name", "Type", "KeyId", "Tier", "DataType"};
const Names path_keys = {"Type", "KeyId", "Label"};
const std::set<std::string_view> types = {"String", "StringList", "SecureString"};
const std::set<std::string_view> tiers = {"Standard", "Advanced", "Intelligent-Tiering"};

bool contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

struct Filter {
  std::string key{};
  std::string option{};
  std::vector<std::string> values{};
};

Names options_of(std::string_view key) {
  if (key == "Path") return {"Recursive", "OneLevel"};
  if (key == "Label") return {"Equals"};
  if (key == "Name") return {"BeginsWith", "Equals", "Contains"};
  return {"BeginsWith", "Equals"};
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html
Result<void> check_filter(const Filter& filter, const Names& keys) {
  const bool tag = filter.key.starts_with("tag:") && contains(keys, "Path");
  if (!tag && !contains(keys, filter.key))
    return fail("InvalidFilterKey",
                fmt::format("The following filter key is not valid: {}. Valid filter keys include: "
                            "[{}].",
                            filter.key, fmt::join(keys, ", ")));
  const Names options = options_of(filter.key);
  if (!contains(options, filter.option))
    return fail("InvalidFilterOption",
                fmt::format("The following filter option is not valid: {}. Valid options include: "
                            "[{}].",
                            filter.option, fmt::join(options, ", ")));
  if (filter.values.empty() && !tag)
    return fail("InvalidFilterValue",
                fmt::format("The following filter values are missing : null for filter key {}",
                            filter.key));
  if (filter.values.size() > filter_values_max)
    return fail("InvalidFilterValue",
                fmt::format("A filter has at most {} values.", filter_values_max));
  for (const std::string& value : filter.values) {
    const bool bad =
        (filter.key == "Type" && filter.option == "Equals" && !types.contains(value)) ||
        (filter.key == "Tier" && filter.option == "Equals" && !tiers.contains(value)) ||
        (filter.key == "Path" && !value.starts_with('/'));
    if (bad)
      return fail("InvalidFilterValue",
                  fmt::format("The following filter value is not valid: {} for filter key {}",
                              value, filter.key));
  }
  return {};
}

Result<std::vector<Filter>> filters_of(const json::object& input, const Names& keys) {
  std::vector<Filter> out;
  const json::array* given = find_array(input, "ParameterFilters");
  for (const json::value& each : given ? *given : json::array{}) {
    const json::object& one = each.as_object();
    Filter filter{.key = text(one, "Key")};
    filter.option = text(one, "Option", filter.key == "Path" ? "OneLevel" : "Equals");
    const json::array* values = find_array(one, "Values");
    for (const json::value& value : values ? *values : json::array{})
      filter.values.push_back(std::string(value.as_string()));
    KIBAN_TRY_VOID(check_filter(filter, keys));
    if (std::ranges::any_of(out, [&](const Filter& other) { return other.key == filter.key; }))
      return fail("InvalidFilterKey",
                  fmt::format("The following filter is duplicated in the request: {}. A request "
                              "can contain only one occurrence of a specific filter.",
                              filter.key));
    out.push_back(std::move(filter));
  }
  return out;
}

bool below(std::string_view name, std::string path, bool recursive) {
  if (!path.ends_with('/')) path += '/';
  if (path == "/" && !name.starts_with('/')) return recursive || name.find('/') == name.npos;
  if (!name.starts_with(path)) return false;
  return recursive || name.find('/', path.size()) == name.npos;
}

bool compares(const Filter& filter, std::string_view have, std::string_view wanted) {
  if (filter.option == "BeginsWith") return have.starts_with(wanted);
  if (filter.option == "Contains") return have.find(wanted) != have.npos;
  return have == wanted;
}

// What the parameter has under the filter's key.
std::vector<std::string> values_under(const Selected& selected, const Filter& filter) {
  if (filter.key == "Name") return {selected.name};
  if (filter.key == "DataType") return {text(selected.row, "DataType", "text")};
  if (filter.key.starts_with("tag:")) {
    std::vector<std::string> out;
    for (const json::value& tag : selected.row.at("Tags").as_array())
      if (text(tag.as_object(), "Key") == filter.key.substr(4))
        out.push_back(text(tag.as_object(), "Value"));
    return out;
  }
  if (!selected.row.contains(filter.key)) return {};
  return {text(selected.row, filter.key)};
}

bool passes(const Selected& selected, const Filter& filter) {
  if (filter.key == "Path")
    return std::ranges::any_of(filter.values, [&](const std::string& path) {
      return below(selected.name, path, filter.option == "Recursive");
    });
  const std::vector<std::string> have = values_under(selected, filter);
  if (filter.values.empty()) return !have.empty();
  return std::ranges::any_of(have, [&](const std::string& one) {
    return std::ranges::any_of(filter.values, [&](const std::string& wanted) {
      // A name may be asked for with or without the slash that begins it.
      return compares(filter, one, wanted) ||
             (filter.key == "Name" && one.starts_with('/') && !wanted.starts_with('/') &&
              compares(filter, std::string_view(one).substr(1), wanted));
    });
  });
}

// The version that a filter by label asks for, or the latest.
std::optional<Selected> labelled(const Context& context, const Selected& selected,
                                 const std::vector<Filter>& filters) {
  const auto by_label =
      std::ranges::find_if(filters, [](const Filter& filter) { return filter.key == "Label"; });
  if (by_label == filters.end()) return selected;
  for (const Version& version : versions(context, selected.name)) {
    const json::array labels = labels_of(version.row);
    for (const std::string& wanted : by_label->values)
      if (std::ranges::find(labels, json::value(wanted)) != labels.end())
        return Selected{.name = selected.name, .selector = ":" + wanted, .row = version.row};
  }
  return std::nullopt;
}

Result<json::object> by_path(Context& context, const json::object& input) {
  const std::string path = text(input, "Path");
  if (!path.starts_with('/'))
    return fail("ValidationException",
                "The parameter doesn't meet the parameter name requirements. The parameter name "
                "must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or "
                "\"ssm\" (case-insensitive). It must use only letters, numbers, or the following "
                "symbols: . (period), - (hyphen), _ (underscore). Special characters are not "
                "allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". "
                "Valid example: /get/parameters2-/by1./path0_.");
  KIBAN_TRY(std::vector<Filter> filters, filters_of(input, path_keys));
  json::array found;
  for (const Selected& selected : all(context)) {
    if (!below(selected.name, path, flag(input, "Recursive"))) continue;
    const auto version = labelled(context, selected, filters);
    const bool wanted = version && std::ranges::all_of(filters, [&](const Filter& filter) {
                          return filter.key == "Label" || passes(*version, filter);
                        });
    if (wanted) found.push_back(described(context, *version, flag(input, "WithDecryption")));
  }
  return page_of(found, "Parameters", input, 10);
}

// The deprecated Filters: names by their beginning.
std::vector<Filter> old_filters(const json::object& input) {
  std::vector<Filter> out;
  const json::array* given = find_array(input, "Filters");
  for (const json::value& each : given ? *given : json::array{}) {
    Filter filter{.key = text(each.as_object(), "Key")};
    filter.option = filter.key == "Name" ? "BeginsWith" : "Equals";
    for (const json::value& value : each.at("Values").as_array())
      filter.values.push_back(std::string(value.as_string()));
    out.push_back(std::move(filter));
  }
  return out;
}

Result<json::object> describe_parameters(Context& context, const json::object& input) {
  if (input.contains("Filters") && input.contains("ParameterFilters"))
    return fail("ValidationException",
                "You can use either Filters or ParameterFilters in a single request.");
  KIBAN_TRY(std::vector<Filter> filters, filters_of(input, describe_keys));
  std::ranges::move(old_filters(input), std::back_inserter(filters));
  json::array found;
  // No other account shares its parameters here.
  const std::vector<Selected> known =
      flag(input, "Shared") ? std::vector<Selected>{} : all(context);
  for (const Selected& selected : known) {
    if (!std::ranges::all_of(filters,
                             [&](const Filter& filter) { return passes(selected, filter); }))
      continue;
    json::object entry = selected.row;
    for (const char* member : {"Value", "Tags", "Labels"}) entry.erase(member);
    entry["Name"] = selected.name;
    entry["ARN"] = arn_of(context, selected.name);
    entry["Policies"] = json::array{};
    found.push_back(std::move(entry));
  }
  return page_of(found, "Parameters", input, 50);
}

// Tags -------------------------------------------------------------------------------------------

Result<Selected> tagged(const Context& context, const json::object& input) {
  if (text(input, "ResourceType") != "Parameter")
    return fail("InvalidResourceType", "kiban serves tags of the resource type Parameter only");
  const std::string name = name_of(text(input, "ResourceId"));
  auto row = latest(context, name);
  if (!row)
    return fail("InvalidResourceId",
                "The resource ID is not valid. Verify that you entered the correct ID and try "
                "again.");
  return Selected{.name = name, .row = *std::move(row)};
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
  if (too_many_tags(kept))
    return fail("TooManyTagsError", "The Targets parameter includes too many tags.");
  selected.row["Tags"] = std::move(kept);
  put_json(context, parameter_key(context, selected.name), selected.row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const Selected selected, tagged(context, input));
  return json::object{{"TagList", selected.row.at("Tags")}};
}

}  // namespace

OperationTable listing_operations() {
  return {{"AddTagsToResource", change_tags},
          {"DescribeParameters", describe_parameters},
          {"GetParametersByPath", by_path},
          {"ListTagsForResource", list_tags},
          {"RemoveTagsFromResource", change_tags}};
}

}  // namespace kiban::services::ssm
