#include "services/elbv2/rows.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "services/base/tags.h"

namespace kiban::services::elbv2 {
namespace {

std::string key(const Context& context, const Kind& kind, std::string_view arn) {
  return fmt::format("elbv2/{}/{}/{}", context.caller().region, kind.folder, arn);
}

const Kind& kind_of(std::string_view arn) {
  if (arn.find(":targetgroup/") != std::string_view::npos) return target_groups;
  if (arn.find(":listener/") != std::string_view::npos) return listeners;
  return load_balancers;
}

// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html, and
// API_DescribeTags.html
constexpr std::size_t resources_max = 20;

Result<json::object> add_tags(Context& context, const json::object& input) {
  for (const json::value& arn : input.at("ResourceArns").as_array()) {
    const Kind& kind = kind_of(arn.as_string());
    KIBAN_TRY(json::object row, load(context, kind, arn.as_string()));
    json::array& tags = row["Tags"].as_array();
    for (const json::value& tag : tags_of(input)) {
      const auto same = std::ranges::find_if(
          tags, [&](const json::value& other) { return other.at("Key") == tag.at("Key"); });
      if (same == tags.end()) {
        tags.push_back(tag);
      } else {
        *same = tag;
      }
    }
    if (too_many_tags(tags))
      return fail("TooManyTags", "The maximum number of tags per resource is '50'");
    save(context, kind, row);
  }
  return json::object{};
}

Result<json::object> remove_tags(Context& context, const json::object& input) {
  const json::array& keys = input.at("TagKeys").as_array();
  for (const json::value& arn : input.at("ResourceArns").as_array()) {
    const Kind& kind = kind_of(arn.as_string());
    KIBAN_TRY(json::object row, load(context, kind, arn.as_string()));
    json::array kept;
    for (const json::value& tag : row.at("Tags").as_array()) {
      if (std::ranges::find(keys, tag.at("Key")) == keys.end()) kept.push_back(tag);
    }
    row["Tags"] = std::move(kept);
    save(context, kind, row);
  }
  return json::object{};
}

Result<json::object> describe_tags(Context& context, const json::object& input) {
  if (input.at("ResourceArns").as_array().size() > resources_max)
    return fail("ValidationError", "The maximum number of resources is '20'");
  json::array out;
  for (const json::value& arn : input.at("ResourceArns").as_array()) {
    KIBAN_TRY(const json::object row, load(context, kind_of(arn.as_string()), arn.as_string()));
    out.push_back(json::object{{"ResourceArn", arn}, {"Tags", row.at("Tags")}});
  }
  return json::object{{"TagDescriptions", std::move(out)}};
}

}  // namespace

const Kind load_balancers{.folder = "load-balancer",
                          .arn = "LoadBalancerArn",
                          .name = "LoadBalancerName",
                          .list = "LoadBalancers",
                          .arns = "LoadBalancerArns",
                          .error = "LoadBalancerNotFound",
                          .cause = "One or more load balancers not found"};
const Kind target_groups{.folder = "target-group",
                         .arn = "TargetGroupArn",
                         .name = "TargetGroupName",
                         .list = "TargetGroups",
                         .arns = "TargetGroupArns",
                         .error = "TargetGroupNotFound",
                         .cause = "One or more target groups not found"};
const Kind listeners{.folder = "listener",
                     .arn = "ListenerArn",
                     .name = "",
                     .list = "Listeners",
                     .arns = "ListenerArns",
                     .error = "ListenerNotFound",
                     .cause = "One or more listeners not found"};

Result<json::object> load(const Context& context, const Kind& kind, std::string_view arn) {
  auto row = get_json(context, key(context, kind, arn));
  if (!row) return fail(std::string(kind.error), std::string(kind.cause));
  return *std::move(row);
}

std::vector<json::object> all(const Context& context, const Kind& kind) {
  return list_json(context, key(context, kind, ""));
}

void save(Context& context, const Kind& kind, const json::object& row) {
  put_json(context, key(context, kind, arn_of(kind, row)), row);
}

void erase(Context& context, const Kind& kind, std::string_view arn) {
  context.erase(key(context, kind, arn));
}

const json::object& record(const json::object& row) { return row.at("Record").as_object(); }

std::string arn_of(const Kind& kind, const json::object& row) {
  return text(record(row), kind.arn);
}

const json::object* named(const std::vector<json::object>& rows, const Kind& kind,
                          std::string_view name) {
  const auto found = std::ranges::find_if(
      rows, [&](const json::object& row) { return text(record(row), kind.name) == name; });
  return found == rows.end() ? nullptr : &*found;
}

json::array tags_of(const json::object& input) {
  json::array out;
  const json::array* given = find_array(input, "Tags");
  for (const json::value& tag : given ? *given : json::array{}) {
    out.push_back(json::object{{"Key", tag.at("Key")}, {"Value", text(tag.as_object(), "Value")}});
  }
  return out;
}

Result<json::object> describe(Context& context, const Kind& kind, const json::object& input,
                              const std::function<json::object(const json::object&)>& shown,
                              const std::function<bool(const json::object&)>& keep) {
  json::array found;
  const json::array* arns = find_array(input, kind.arns);
  const json::array* names = find_array(input, "Names");
  const std::vector<json::object> rows = all(context, kind);
  const int selectors = (arns && !arns->empty() ? 1 : 0) + (names && !names->empty() ? 1 : 0) +
                        (kind.folder != load_balancers.folder && input.contains("LoadBalancerArn"));
  if (selectors > 1)
    return fail("ValidationError",
                "Only one of ARNs, names and a load balancer ARN can be specified");
  if (arns && !arns->empty()) {
    for (const json::value& arn : *arns) {
      KIBAN_TRY(const json::object row, load(context, kind, arn.as_string()));
      found.push_back(shown(row));
    }
  } else if (names && !names->empty()) {
    for (const json::value& name : *names) {
      const json::object* row = named(rows, kind, name.as_string());
      if (!row) {
        return fail(std::string(kind.error), &kind == &load_balancers
                                                 ? fmt::format("Load balancers '[{}]' not found",
                                                               std::string_view(name.as_string()))
                                                 : std::string(kind.cause));
      }
      found.push_back(shown(*row));
    }
  } else {
    for (const json::object& row : rows) {
      if (keep(row)) found.push_back(shown(row));
    }
  }
  const auto limit = static_cast<std::size_t>(number(input, "PageSize", 400));
  auto page = paginate(found, limit, find_string(input, "Marker"));
  if (!page) return fail("ValidationError", page.error().cause);
  json::object reply{{kind.list, std::move(page->entries)}};
  if (page->next_token) reply["NextMarker"] = *page->next_token;
  return reply;
}

json::object default_attributes(Attributes known) {
  json::object out;
  for (const auto& [name, value] : known) out.emplace(name, value);
  return out;
}

json::object described_attributes(const json::object& row) {
  json::array out;
  for (const auto& attribute : row.at("Attributes").as_object()) {
    out.push_back(json::object{{"Key", attribute.key()}, {"Value", attribute.value()}});
  }
  return json::object{{"Attributes", std::move(out)}};
}

Result<void> set_attributes(json::object& row, const json::object& input, Attributes known,
                            std::string_view what) {
  for (const json::value& attribute : input.at("Attributes").as_array()) {
    const std::string name = text(attribute.as_object(), "Key");
    if (std::ranges::find(known, name, &Attributes::value_type::first) == known.end()) {
      return fail("ValidationError",
                  fmt::format("{} attribute key '{}' is not recognized", what, name));
    }
    row["Attributes"].as_object()[name] = text(attribute.as_object(), "Value");
  }
  return {};
}

Result<void> check_number(const json::object& values, std::string_view name, Bounds bounds) {
  const std::string given = text(values, name);
  std::int64_t value = 0;
  const char* const end = given.data() + given.size();
  const auto [stop, error] = std::from_chars(given.data(), end, value);
  const bool number = error == std::errc{} && stop == end;
  if (number && ((value >= bounds.least && value <= bounds.most) || (bounds.or_zero && value == 0)))
    return {};
  return fail("ValidationError", fmt::format("'{}' must be a value between '{}' and '{}' inclusive",
                                             name, bounds.least, bounds.most));
}

Result<void> check_choice(const json::object& values, std::string_view name,
                          std::initializer_list<std::string_view> choices) {
  const std::string given = text(values, name);
  if (std::ranges::find(choices, given) != choices.end()) return {};
  return fail("ValidationError",
              fmt::format("'{}' must be one of '{}'", name, fmt::join(choices, ", ")));
}

CheckedTable tag_operations() {
  return {{"AddTags", {add_tags, "ResourceArns Tags"}},
          {"DescribeTags", {describe_tags, "ResourceArns"}},
          {"RemoveTags", {remove_tags, "ResourceArns TagKeys"}}};
}

}  // namespace kiban::services::elbv2
