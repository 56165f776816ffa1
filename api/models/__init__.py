"""The records as clients see them: IMS's own fields and values, apart from what is stored."""
