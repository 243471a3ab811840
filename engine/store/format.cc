#include "store/format.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/json.h"

namespace kiban::store {
namespace {

constexpr std::size_t rows_per_batch = 1'000;
constexpr std::size_t batch_bytes_max = 4ULL << 20U;

std::string print_format(int version, std::string_view kiban) {
  return print_json(json::object{{"Version", version}, {"Kiban", kiban}});
}

Error unreadable(std::string_view row) {
  return {.name = "FormatUnreadable", .cause = fmt::format("the row {} can't be read", row)};
}

// The place which an interrupted step reached.
struct Place {
  std::size_t prefix{0};
  std::string after{};
};

Result<Place> read_place(const Store& rows, int from) {
  const auto row = rows.get(migration_row);
  if (!row) return Place{};
  const auto value = parse_json(*row);
  if (!value || !value->is_object()) return std::unexpected(unreadable(migration_row));
  const json::object& object = value->get_object();
  const json::value* step = find(object, "From");
  const json::value* prefix = find(object, "Prefix");
  const json::string* after = find_string(object, "After");
  if (step == nullptr || !step->is_int64() || prefix == nullptr || !prefix->is_int64() ||
      after == nullptr || step->get_int64() != from || prefix->get_int64() < 0)
    return std::unexpected(unreadable(migration_row));
  return Place{.prefix = static_cast<std::size_t>(prefix->get_int64()), .after = to_string(*after)};
}

std::string print_place(int from, const Place& place) {
  return print_json(json::object{{"From", from}, {"Prefix", place.prefix}, {"After", place.after}});
}

// Rows from `some` on until the batch is large enough. Returns how many were taken.
Result<std::size_t> rewrite_some(const Store& rows, const Migration& step,
                                 std::span<const Row> some, Batch& batch) {
  std::size_t taken = 0;
  std::size_t bytes = 0;
  for (const Row& row : some) {
    if (bytes >= batch_bytes_max) break;
    KIBAN_TRY_VOID(step.rewrite(rows, row, batch));
    bytes += row.key.size() + row.value.size();
    ++taken;
  }
  return taken;
}

Result<void> run_step(Store& rows, const Migration& step, std::string_view kiban,
                      const std::function<void(const MigrationStatus&)>& progress) {
  KIBAN_TRY(Place place, read_place(rows, step.from));
  MigrationStatus status{.step = &step};
  while (place.prefix < step.prefixes.size()) {
    const std::string& prefix = step.prefixes[place.prefix];
    const std::vector<Row> some = rows.scan(prefix, place.after, rows_per_batch);
    Batch batch;
    KIBAN_TRY(const std::size_t taken, rewrite_some(rows, step, some, batch));
    if (taken == 0)
      place = {.prefix = place.prefix + 1};
    else
      place.after = some[taken - 1].key;
    status.rows += taken;
    batch.insert_or_assign(std::string(migration_row), print_place(step.from, place));
    KIBAN_TRY_VOID(rows.commit(batch));
    if (progress) progress(status);
  }
  return rows.commit({{std::string(format_row), print_format(step.from + 1, kiban)},
                      {std::string(migration_row), std::nullopt}});
}

}  // namespace

std::span<const Migration> migrations() {
  // Format 2: histories of executions in a compact form. Those of format 1 are read as they are, so
  // that nothing is rewritten; the step keeps an older kiban from reading the newer ones.
  // Format 3: an execution's input is kept once, and a running execution in parts. Rows of format 2
  // are read as they are, too.
  static const std::vector<Migration> all{
      {.from = 1, .what = "compact histories of executions from now on"},
      {.from = 2, .what = "the input of an execution once, a running one in parts, from now on"}};
  return all;
}

Result<Format> read_format(const Store& rows) {
  const auto row = rows.get(format_row);
  if (!row) return Format{};
  const auto value = parse_json(*row);
  if (!value || !value->is_object()) return std::unexpected(unreadable(format_row));
  const json::value* version = find(value->get_object(), "Version");
  const json::string* kiban = find_string(value->get_object(), "Kiban");
  if (version == nullptr || !version->is_int64() || version->get_int64() < 1 ||
      version->get_int64() > 1'000'000)
    return std::unexpected(unreadable(format_row));
  return Format{.version = static_cast<int>(version->get_int64()),
                .kiban = kiban == nullptr ? "" : to_string(*kiban)};
}

Result<void> check_format(Store& rows, std::string_view kiban, int current) {
  if (rows.scan("", "", 1).empty())
    return rows.commit({{std::string(format_row), print_format(current, kiban)}});
  KIBAN_TRY(const Format found, read_format(rows));
  if (found.version <= current) return {};
  return fail("FormatNewer",
              fmt::format("the data is of format {}, written by kiban {}; this is kiban {}, which "
                          "reads formats up to {}",
                          found.version, found.kiban.empty() ? "of a later version" : found.kiban,
                          kiban, current));
}

Result<void> migrate(Store& rows, std::string_view kiban, std::span<const Migration> steps,
                     int current, const std::function<void(const MigrationStatus&)>& progress) {
  KIBAN_TRY(Format at, read_format(rows));
  while (at.version < current) {
    const auto step =
        std::ranges::find_if(steps, [&](const Migration& each) { return each.from == at.version; });
    if (step == steps.end())
      return fail("FormatUnreadable", fmt::format("kiban can't migrate format {}", at.version));
    KIBAN_TRY_VOID(run_step(rows, *step, kiban, progress));
    ++at.version;
    at.kiban = kiban;
  }
  if (at.kiban == kiban && rows.get(format_row)) return {};
  return rows.commit({{std::string(format_row), print_format(current, kiban)}});
}

}  // namespace kiban::store
