#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/cloudwatch/operations.h"
#include "services/cloudwatch/tags.h"

namespace kiban::services::cloudwatch {
Result<json::object> put_dashboard(Context& context, const json::object& input) {
  const auto body = parse_json(text(input, "DashboardBody"));
  if (!body || !body->is_object())
    return fail("DashboardInvalidInputError", "The field DashboardBody must be a JSON object");
  const std::string key = dashboard_key(context, text(input, "DashboardName"));
  // Only of a new one, as with alarms.
  if (!context.get(key))
    set_tags(context, dashboard_arn(context, text(input, "DashboardName")), input);
  put_json(context, key,
           {{"Body", text(input, "DashboardBody")}, {"Modified", epoch_seconds(context.now())}});
  return json::object{{"DashboardValidationMessages", json::array{}}};
}

Result<json::object> get_dashboard(Context& context, const json::object& input) {
  const std::string name = text(input, "DashboardName");
  const auto row = get_json(context, dashboard_key(context, name));
  if (!row) return fail("DashboardNotFoundError", fmt::format("Dashboard {} does not exist", name));
  return json::object{{"DashboardName", name},
                      {"DashboardArn", json::value(dashboard_arn(context, name))},
                      {"DashboardBody", row->at("Body")}};
}

Result<json::object> list_dashboards(Context& context, const json::object& input) {
  json::array entries;
  const std::string base = dashboard_key(context, "");
  for (const store::Row& row : context.scan(base + text(input, "DashboardNamePrefix"))) {
    const json::object fields = object_of(row.key, row.value);
    const std::string name = row.key.substr(base.size());
    entries.push_back({{"DashboardName", name},
                       {"DashboardArn", json::value(dashboard_arn(context, name))},
                       {"LastModified", fields.at("Modified")},
                       {"Size", fields.at("Body").as_string().size()}});
  }
  constexpr std::size_t page_size = 1'000;
  KIBAN_TRY(Page page, paginate(entries, page_size, find_string(input, "NextToken")));
  json::object reply{{"DashboardEntries", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

// "The operation attempts to delete as many dashboards as possible"; an error undoes all that a
// request did here, so that it comes only when none of the dashboards exists.
Result<json::object> delete_dashboards(Context& context, const json::object& input) {
  const json::array* names = find_array(input, "DashboardNames");
  constexpr std::size_t names_max = 100;
  if (!names || names->empty() || names->size() > names_max)
    return fail("InvalidParameterValue",
                fmt::format("DashboardNames must have between 1 and {} names.", names_max));
  std::size_t deleted = 0;
  for (const json::value& name : *names) {
    const std::string_view dashboard = name.as_string();
    if (!context.get(dashboard_key(context, dashboard))) continue;
    ++deleted;
    context.erase(dashboard_key(context, dashboard));
    drop_tags(context, dashboard_arn(context, dashboard));
  }
  if (deleted > 0) return json::object{};
  return fail("DashboardNotFoundError", fmt::format("Dashboard {} does not exist",
                                                    std::string_view((*names)[0].as_string())));
}

}  // namespace kiban::services::cloudwatch
