#include "cli/items_performer.h"

#include <exception>
#include <memory>
#include <utility>

#include "services/states/item_reading.h"

namespace kiban::cli {
namespace {

using services::states::ItemPieces;

struct Sending {
  runtime::Worker& worker;
  std::string id{};
  runtime::Report report{};
  ItemPieces pieces{};
};

void send_next(const std::shared_ptr<Sending>& sending) {
  std::optional<json::object> piece = sending->pieces.next();
  if (!piece) return;
  const json::value* last = find(*piece, "Last");
  const bool final = last == nullptr || last->get_bool();
  // The kernel's thread says that the piece is committed.
  const auto go_on = [sending] { sending->worker.post([sending] { send_next(sending); }); };
  sending->report({.id = sending->id, .final = final, .payload = *std::move(piece)},
                  final ? runtime::Report::Committed{} : go_on);
}

Result<ItemPieces> read(const store::Blobs& blobs, const json::object& asked) {
  try {
    return ItemPieces::read([&](std::string_view digest) { return blobs.read(digest); }, asked);
  } catch (const std::exception& thrown) {  // No memory.
    return fail("States.ItemReaderFailed", thrown.what());
  }
}

}  // namespace

runtime::Performer make_items_performer(const store::Blobs& blobs, runtime::Worker& worker) {
  return [&blobs, &worker](const services::Effect& effect, const runtime::Report& report) {
    worker.post([&blobs, &worker, id = effect.id, asked = effect.payload, report] {
      Result<ItemPieces> pieces = read(blobs, asked);
      if (!pieces)
        return report({.id = id, .payload = services::states::reading_failed(pieces.error())});
      send_next(std::make_shared<Sending>(
          Sending{.worker = worker, .id = id, .report = report, .pieces = *std::move(pieces)}));
    });
  };
}

}  // namespace kiban::cli
