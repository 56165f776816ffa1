"""What flows and pods say to each other: inputs, documents, lines, exit codes. Standard library only: pods import it.

Names and forms stay as they are: a pod of the former release and a flow of this one must understand each other.
"""
