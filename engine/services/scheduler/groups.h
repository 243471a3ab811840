// Schedule groups and their tags.
#pragma once

#include "services/base/service.h"

namespace kiban::services::scheduler {

Result<json::object> create_group(Context& context, const json::object& input);
Result<json::object> get_group(Context& context, const json::object& input);
Result<json::object> list_groups(Context& context, const json::object& input);
// The group is DELETING from now on; a second later its schedules go, some in each batch, and the
// group after them.
Result<json::object> delete_group(Context& context, const json::object& input);
// The timer that delete_group sets.
void continue_deletion(Context& context, const json::object& payload);

Result<json::object> tag_resource(Context& context, const json::object& input);
Result<json::object> untag_resource(Context& context, const json::object& input);
Result<json::object> list_tags(Context& context, const json::object& input);

// Gives the default group its row, with the time of its first use.
void use_default_group(Context& context);
std::vector<std::string> group_names(const Context& context);

}  // namespace kiban::services::scheduler
