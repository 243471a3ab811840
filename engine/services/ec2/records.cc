#include "services/ec2/records.h"

#include <algorithm>
#include <array>

#include "services/base/tags.h"

namespace kiban::services::ec2 {
namespace {

constexpr std::array all_kinds = {&kinds::vpc,
                                  &kinds::subnet,
                                  &kinds::network_acl,
                                  &kinds::network_interface,
                                  &kinds::route_table,
                                  &kinds::internet_gateway,
                                  &kinds::nat_gateway,
                                  &kinds::address,
                                  &kinds::security_group,
                                  &kinds::security_group_rule,
                                  &kinds::vpc_endpoint};

const Kind* kind_of(std::string_view id) {
  const std::string_view prefix = id.substr(0, id.find('-'));
  const auto found =
      std::ranges::find(all_kinds, prefix, [](const Kind* one) { return one->prefix; });
  return found == all_kinds.end() ? nullptr : *found;
}

// Filter values -----------------------------------------------------------------------------------

// '*' is any text, '?' any character, '\' takes the next one as it is.
// docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#Filtering_Resources_CLI
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t after_star = 0;
  while (t < text.size()) {
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    const char wanted = p < pattern.size() ? pattern[p + (escaped ? 1U : 0U)] : '\0';
    if (p < pattern.size() && !escaped && wanted == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() && ((!escaped && wanted == '?') || wanted == text[t])) {
      p += escaped ? 2 : 1;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

template <typename Test>
bool any_at(const json::value& at, std::string_view path, const Test& test) {
  if (at.is_array()) {
    return std::ranges::any_of(at.get_array(),
                               [&](const json::value& entry) { return any_at(entry, path, test); });
  }
  if (path.empty()) {
    return test(at.is_string() ? to_string(at.get_string()) : print_json(at));
  }
  const std::size_t dot = std::min(path.find('.'), path.size());
  const json::value* next = at.is_object() ? find(at.get_object(), path.substr(0, dot)) : nullptr;
  return next && any_at(*next, path.substr(std::min(dot + 1, path.size())), test);
}

bool has_tag(const json::object& record, std::string_view key, const json::array& values) {
  const json::array* tags = find_array(record, "Tags");
  if (!tags) tags = find_array(record, "TagSet");  // Network interfaces call them so.
  return tags && std::ranges::any_of(*tags, [&](const json::value& tag) {
           return text(tag.get_object(), "Key") == key &&
                  std::ranges::any_of(values, [&](const json::value& value) {
                    return matches(value.as_string(), text(tag.get_object(), "Value"));
                  });
         });
}

Result<bool> passes(const json::object& record, const json::object& filter,
                    std::span<const Filter> filters) {
  constexpr std::string_view tag_prefix = "tag:";
  const std::string name = text(filter, "Name");
  const json::array* given = find_array(filter, "Values");
  const json::array values = given ? *given : json::array{};
  if (name.starts_with(tag_prefix)) {
    return has_tag(record, std::string_view(name).substr(tag_prefix.size()), values);
  }
  const auto known = std::ranges::find(filters, name, &Filter::name);
  std::string_view path = known == filters.end() ? std::string_view{} : known->path;
  if (name == "tag-key") path = record.contains("TagSet") ? "TagSet.Key" : "Tags.Key";
  if (path.empty()) {
    return fail("InvalidParameterValue", fmt::format("The filter '{}' is invalid", name));
  }
  return any_at(record, path, [&](const std::string& text) {
    return std::ranges::any_of(
        values, [&](const json::value& value) { return matches(value.as_string(), text); });
  });
}

json::object shown(const Context& context, const Kind& kind, json::object row) {
  return kind.shown ? kind.shown(context, std::move(row)) : row;
}

// Tags --------------------------------------------------------------------------------------------

void set_tag(json::array& tags, const json::value& tag) {
  const auto same = std::ranges::find_if(
      tags, [&](const json::value& other) { return other.at("Key") == tag.at("Key"); });
  if (same == tags.end()) {
    tags.push_back(tag);
  } else {
    *same = tag;
  }
}

Result<json::object> load_tagged(const Context& context, const json::value& id) {
  const Kind* kind = kind_of(id.as_string());
  if (!kind) {
    return fail("InvalidID",
                fmt::format("The ID '{}' is not valid", std::string_view(id.as_string())));
  }
  return load(context, *kind, id.as_string());
}

Result<json::object> create_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::array tags, read_tags(input));
  for (const json::value& id : input.at("Resources").as_array()) {
    KIBAN_TRY(json::object row, load_tagged(context, id));
    for (const json::value& tag : tags) set_tag(row["Tags"].as_array(), tag);
    if (too_many_tags(row.at("Tags").as_array()))
      return fail("TagLimitExceeded",
                  "The maximum number of Tags for a resource has been reached.");
    save(context, *kind_of(id.as_string()), row);
  }
  return json::object{};
}

// Without Tags all go; a tag without Value goes whatever its value.
// docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
Result<json::object> delete_tags(Context& context, const json::object& input) {
  const json::array* given = find_array(input, "Tags");
  for (const json::value& id : input.at("Resources").as_array()) {
    KIBAN_TRY(json::object row, load_tagged(context, id));
    json::array kept;
    for (const json::value& tag : row.at("Tags").as_array()) {
      const bool goes = !given || std::ranges::any_of(*given, [&](const json::value& wanted) {
        const json::object& one = wanted.as_object();
        return text(one, "Key") == text(tag.as_object(), "Key") &&
               (!one.contains("Value") || one.at("Value") == tag.at("Value"));
      });
      if (!goes) kept.push_back(tag);
    }
    row["Tags"] = std::move(kept);
    save(context, *kind_of(id.as_string()), row);
  }
  return json::object{};
}

Result<json::object> describe_tags(Context& context, const json::object& input) {
  constexpr std::array filters = {Filter{"key", "Key"}, Filter{"resource-id", "ResourceId"},
                                  Filter{"resource-type", "ResourceType"},
                                  Filter{"value", "Value"}};
  std::vector<json::object> records;
  for (const Kind* kind : all_kinds) {
    for (const json::object& row : all(context, *kind)) {
      for (const json::value& tag : row.at("Tags").as_array()) {
        records.push_back({{"Key", tag.at("Key")},
                           {"ResourceId", row.at(kind->id)},
                           {"ResourceType", kind->type},
                           {"Value", tag.at("Value")},
                           {"Tags", json::array{tag}}});  // For the filter tag:KEY.
      }
    }
  }
  KIBAN_TRY(json::array found, filtered(records, filters, input));
  for (json::value& tag : found) tag.as_object().erase("Tags");
  return page_of(found, "Tags", input);
}

}  // namespace

// Rows --------------------------------------------------------------------------------------------

std::string row_key(const Context& context, const Kind& kind, std::string_view id) {
  return fmt::format("ec2/{}/{}/{}", context.caller().region, kind.type, id);
}

std::unexpected<Error> not_found(const Kind& kind, std::string_view id) {
  // NAT gateways have a sentence of their own.
  return fail(std::string(kind.not_found),
              &kind == &kinds::nat_gateway
                  ? fmt::format("NAT gateway {} was not found", id)
                  : fmt::format("The {} '{}' does not exist", kind.noun, id));
}

std::unexpected<Error> in_use(const Kind& kind, std::string_view id) {
  const std::string_view noun = kind.noun.substr(0, kind.noun.rfind(" ID"));
  return fail("DependencyViolation",
              fmt::format("The {} '{}' has dependencies and cannot be deleted.", noun, id));
}

// Eight hexadecimal digits, or seventeen since 2016.
// docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
bool is_id(const Kind& kind, std::string_view id) {
  if (!id.starts_with(kind.prefix) || id.substr(kind.prefix.size(), 1) != "-") return false;
  const std::string_view digits = id.substr(kind.prefix.size() + 1);
  return (digits.size() == 8 || digits.size() == 17) &&
         digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<json::object> load(const Context& context, const Kind& kind, std::string_view id) {
  auto row = get_json(context, row_key(context, kind, id));
  if (!row && !kind.malformed.empty() && !is_id(kind, id))
    return fail(std::string(kind.malformed),
                fmt::format("Invalid id: \"{}\" (expecting \"{}-...\")", id, kind.prefix));
  if (!row) return not_found(kind, id);
  return *std::move(row);
}

std::vector<json::object> all(const Context& context, const Kind& kind) {
  return list_json(context, row_key(context, kind, ""));
}

bool has(const json::value& record, std::string_view path, std::string_view value) {
  return any_at(record, path, [&](const std::string& text) { return text == value; });
}

std::vector<json::object> having(const Context& context, const Kind& kind, std::string_view path,
                                 std::string_view value) {
  std::vector<json::object> rows = all(context, kind);
  std::erase_if(rows, [&](const json::object& row) { return !has(row, path, value); });
  return rows;
}

void save(Context& context, const Kind& kind, const json::object& row) {
  put_json(context, row_key(context, kind, row.at(kind.id).as_string()), row);
}

void erase(Context& context, const Kind& kind, std::string_view id) {
  context.erase(row_key(context, kind, id));
}

Result<json::array> read_tags(const json::object& input) {
  json::array out;
  const json::array* given = find_array(input, "Tags");
  for (const json::value& one : given ? *given : json::array{}) {
    const std::string key = text(one.as_object(), "Key");
    // docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
    if (key.empty() || key.size() > 127) {
      return fail("InvalidParameterValue", "Tag keys have 1 to 127 characters");
    }
    set_tag(out, json::object{{"Key", key}, {"Value", text(one.as_object(), "Value")}});
  }
  return out;
}

Result<void> require(const json::object& input, std::string_view member) {
  if (input.contains(member)) return {};
  return fail("MissingParameter", fmt::format("The request must contain the parameter {}", member));
}

Result<json::object> begin(Context& context, const Kind& kind, const json::object& input) {
  json::array tags;
  if (const json::array* given = find_array(input, "TagSpecifications")) {
    for (const json::value& specification : *given) {
      const std::string type = text(specification.as_object(), "ResourceType");
      if (type != kind.type) {
        return fail(
            "InvalidParameterValue",
            fmt::format("'{}' is not a valid taggable resource type for this operation.", type));
      }
      KIBAN_TRY(const json::array more, read_tags(specification.as_object()));
      for (const json::value& tag : more) set_tag(tags, tag);
    }
  }
  return json::object{{kind.id, fmt::format("{}-{}", kind.prefix, context.random().hex(17))},
                      {"OwnerId", context.caller().account},
                      {"Tags", std::move(tags)}};
}

Result<json::array> filtered(const std::vector<json::object>& records,
                             std::span<const Filter> filters, const json::object& input) {
  const json::array* given = find_array(input, "Filters");
  if (!given) given = find_array(input, "Filter");
  // docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
  constexpr std::size_t filter_values_max = 200;
  for (const json::value& filter : given ? *given : json::array{}) {
    const json::array* values = find_array(filter.as_object(), "Values");
    if (values && values->size() > filter_values_max)
      return fail("FilterLimitExceeded",
                  "The maximum number of filter values specified on a single call is 200.");
  }
  json::array out;
  // A filter must be known even when there is nothing to filter.
  if (given && records.empty()) {
    for (const json::value& filter : *given) {
      KIBAN_TRY([[maybe_unused]] const bool known, passes({}, filter.as_object(), filters));
    }
  }
  for (const json::object& record : records) {
    bool keep = true;
    for (const json::value& filter : given ? *given : json::array{}) {
      KIBAN_TRY(const bool passed, passes(record, filter.as_object(), filters));
      keep = keep && passed;
    }
    if (keep) out.push_back(record);
  }
  return out;
}

Result<json::object> page_of(const json::array& found, std::string_view list,
                             const json::object& input) {
  // docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination
  const std::int64_t limit = number(input, "MaxResults", 1'000);
  if (limit < 5 || limit > 1'000) {
    return fail("InvalidParameterValue",
                fmt::format("Value ( {} ) for parameter maxResults is invalid. Expecting a value "
                            "from 5 to 1000.",
                            limit));
  }
  auto page = paginate(found, static_cast<std::size_t>(limit), find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextToken", page.error().cause);
  json::object reply{{list, std::move(page->entries)}};
  if (page->next_token) reply["NextToken"] = *page->next_token;
  return reply;
}

Result<json::object> describe(Context& context, const Kind& kind, const json::object& input) {
  std::vector<json::object> records;
  const json::array* ids = find_array(input, kind.ids);
  // docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html
  if (&kind == &kinds::network_interface && ids && !ids->empty() && input.contains("MaxResults"))
    return fail("InvalidParameterCombination",
                "The parameter networkInterfaceIds cannot be used with the parameter maxResults");
  if (ids && !ids->empty()) {
    for (const json::value& id : *ids) {
      KIBAN_TRY(json::object row, load(context, kind, id.as_string()));
      records.push_back(shown(context, kind, std::move(row)));
    }
  } else {
    for (json::object& row : all(context, kind)) {
      records.push_back(shown(context, kind, std::move(row)));
    }
  }
  KIBAN_TRY(const json::array found, filtered(records, kind.filters, input));
  return page_of(found, kind.list, input);
}

CheckedTable tag_operations() {
  return {{"CreateTags", {create_tags, "Resources Tags"}},
          {"DeleteTags", {delete_tags, "Resources Tags"}},
          {"DescribeTags", {describe_tags, "Filters MaxResults NextToken"}}};
}

}  // namespace kiban::services::ec2
