// Archives of a bus's events, and their replay.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
//
//   events/REGION/archive/NAME                     as DescribeArchive shows it, and Bus, Sequence
//   events/REGION/archived/NAME/TIME SEQUENCE      Event and Archived (ms); 15 and 20 digits
//   events/REGION/replay/NAME                      as DescribeReplay shows it, and Position
//
// A replay goes on in slices, each the timer of the one before, so that other commands are decided
// between them and a restart continues where the last durable slice ended. Replayed events carry
// "replay-name", and are not archived again.
#pragma once

#include "services/base/service.h"

namespace kiban::services::events {

Result<json::object> create_archive(Context& context, const json::object& input);
Result<json::object> update_archive(Context& context, const json::object& input);
Result<json::object> describe_archive(Context& context, const json::object& input);
Result<json::object> list_archives(Context& context, const json::object& input);
Result<json::object> delete_archive(Context& context, const json::object& input);

std::string archive_arn(const Context& context, std::string_view name);
std::string archive_key(const Context& context, std::string_view name);
// The rows of archives of one bus.
std::vector<json::object> archives_of(const Context& context, std::string_view bus);
// Keeps the event; `name` is that of an archive whose pattern it matches.
void archive_event(Context& context, std::string_view name, const json::object& event);
// The timer of an archive: drops what is older than RetentionDays.
void sweep_archive(Context& context, const json::object& payload);

}  // namespace kiban::services::events
