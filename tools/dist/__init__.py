"""What is shipped besides the image: the chart with its CRDs, and the same as plain manifests."""
