// consumer TARGET IMAGE: prints the size of the image's embedding at half of the compute.
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "client/client.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto client = snapvit::client::Client::Create({.target = argv[1]});
  if (!client.ok()) return 2;
  std::ifstream file(argv[2], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const snapvit::client::ImageInput images[] = {snapvit::client::EncodedImage{bytes}};
  snapvit::client::EmbedOptions options;
  options.budget.set_compute(0.5);
  const auto results = (*client)->Embed(images, options);
  if (!results.ok() || !results->front().embedding.ok()) {
    std::cerr << results.status() << "\n";
    return 1;
  }
  std::cout << results->front().embedding->shape.front() << "\n";
}
