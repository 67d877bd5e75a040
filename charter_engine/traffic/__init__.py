"""What passed through a deployment: requests told apart by session, added up by node, and taken as
a workload."""
