#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/letters.h"
#include "services/secretsmanager/rows.h"

namespace kiban::services::secretsmanager {
namespace {

constexpr std::int64_t batch_max = 20;

std::unexpected<Error> invalid(std::string why) {
  return fail("InvalidParameterException", std::move(why));
}

enum class Letters { Exact, Any };

bool begins(std::string_view have, std::string_view wanted, Letters letters) {
  return letters == Letters::Exact ? have.starts_with(wanted)
                                   : lower_case(have).starts_with(lower_case(wanted));
}

// Does a word of the text begin with `wanted`?
bool has_word(std::string_view text, std::string_view wanted) {
  constexpr std::string_view gaps = " /_+=.@-!";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begin = at == 0 || gaps.find(text[at - 1]) != gaps.npos;
    if (begin && begins(text.substr(at), wanted, Letters::Any)) return true;
  }
  return false;
}

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html
bool matches(const json::object& row, std::string_view key, std::string_view wanted) {
  if (key == "name") return begins(text(row, "Name"), wanted, Letters::Exact);
  if (key == "description") return begins(text(row, "Description"), wanted, Letters::Any);
  if (key == "owning-service" || key == "primary-region") return false;  // None has one.
  for (const json::value& each : row.at("Tags").as_array()) {
    const json::object& tag = each.as_object();
    if (key == "tag-key" && begins(text(tag, "Key"), wanted, Letters::Exact)) return true;
    if (key == "tag-value" && begins(text(tag, "Value"), wanted, Letters::Exact)) return true;
    if (key == "all" &&
        (has_word(text(tag, "Key"), wanted) || has_word(text(tag, "Value"), wanted)))
      return true;
  }
  return key == "all" &&
         (has_word(text(row, "Name"), wanted) || has_word(text(row, "Description"), wanted));
}

// Every filter wants one of its values, or none of those behind a '!'.
bool passes(const json::object& row, const json::object& input) {
  const json::array* filters = find_array(input, "Filters");
  return std::ranges::all_of(filters ? *filters : json::array{}, [&](const json::value& filter) {
    const std::string key = text(filter.as_object(), "Key");
    const json::array* values = find_array(filter.as_object(), "Values");
    return std::ranges::any_of(values ? *values : json::array{}, [&](const json::value& value) {
      const std::string_view wanted = value.as_string();
      return wanted.starts_with('!') ? !matches(row, key, wanted.substr(1))
                                     : matches(row, key, wanted);
    });
  });
}

Result<void> check_filters(const json::object& input) {
  const json::array* filters = find_array(input, "Filters");
  std::set<std::string> keys;
  for (const json::value& filter : filters ? *filters : json::array{}) {
    const std::string key = text(filter.as_object(), "Key");
    const json::array* values = find_array(filter.as_object(), "Values");
    if (key.empty()) return invalid("Invalid filter key");
    if (!values || values->empty())
      return invalid(fmt::format("Invalid filter values for key: {}", key));
    if (!keys.insert(key).second) return invalid(fmt::format("Duplicate filter key: {}", key));
  }
  return {};
}

void sort(std::vector<json::object>& rows, const json::object& input) {
  const std::string by = text(input, "SortBy", "created-date");
  const std::string_view member = by == "last-changed-date" ? "LastChangedDate" : "CreatedDate";
  std::ranges::sort(rows, [&](const json::object& a, const json::object& b) {
    if (by == "name") return text(a, "Name") < text(b, "Name");
    const double first = a.at(member).to_number<double>();
    const double second = b.at(member).to_number<double>();
    return first == second ? text(a, "Name") < text(b, "Name") : first < second;
  });
  if (text(input, "SortOrder", "asc") == "desc") std::ranges::reverse(rows);
}

Result<json::object> list_secrets(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_filters(input));
  std::vector<json::object> rows;
  for (json::object& row : all_secrets(context)) {
    const bool shown = !row.contains("DeletedDate") || flag(input, "IncludePlannedDeletion");
    if (shown && passes(row, input)) rows.push_back(std::move(row));
  }
  sort(rows, input);
  json::array all;
  for (const json::object& row : rows) all.push_back(described(row, "SecretVersionsToStages"));
  auto page = paginate(all, static_cast<std::size_t>(number(input, "MaxResults", 100)),
                       find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextTokenException", page.error().cause);
  json::object out{{"SecretList", page->entries}};
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

Result<json::object> allowed_value(Context& context, const json::object& row) {
  KIBAN_TRY_VOID(context.authorise("secretsmanager:GetSecretValue", text(row, "ARN")));
  return value_of(row, {}, current);
}

// The caller needs secretsmanager:GetSecretValue of each, too.
json::object values_of(Context& context, const json::array& ids) {
  json::array values;
  json::array errors;
  for (const json::value& id : ids) {
    const auto row = load_alive(context, {{"SecretId", id}});
    auto value = row ? allowed_value(context, *row) : std::unexpected(row.error());
    if (value)
      values.push_back(*std::move(value));
    else
      errors.push_back(
          {{"SecretId", id}, {"ErrorCode", value.error().name}, {"Message", value.error().cause}});
  }
  return {{"SecretValues", std::move(values)}, {"Errors", std::move(errors)}};
}

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
Result<json::object> batch_get(Context& context, const json::object& input) {
  const json::array* ids = find_array(input, "SecretIdList");
  const bool by_filter = input.contains("Filters");
  if ((ids != nullptr) == by_filter)
    return invalid("Either 'SecretIdList' or 'Filters' must be provided, but not both.");
  if (ids && (input.contains("MaxResults") || input.contains("NextToken")))
    return invalid(
        "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' or "
        "'NextToken' is provided.");
  if (ids) return values_of(context, *ids);
  KIBAN_TRY_VOID(check_filters(input));
  std::vector<json::object> rows;
  for (json::object& row : all_secrets(context))
    if (!row.contains("DeletedDate") && passes(row, input)) rows.push_back(std::move(row));
  sort(rows, {});
  json::array names;
  for (const json::object& row : rows) names.push_back(row.at("ARN"));
  auto page = paginate(names, static_cast<std::size_t>(number(input, "MaxResults", batch_max)),
                       find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextTokenException", page.error().cause);
  json::object out = values_of(context, page->entries);
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

}  // namespace

OperationTable listing_operations() {
  return {{"BatchGetSecretValue", batch_get}, {"ListSecrets", list_secrets}};
}

}  // namespace kiban::services::secretsmanager
